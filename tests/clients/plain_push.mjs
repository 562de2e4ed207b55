/** An app of its own make, which pushes what waits in the batches of the protocol's page. */
import { readFileSync } from 'node:fs'
import { batches } from './batches.mjs'
import { order, say } from './speaking.mjs'

const headers = { Authorization: `Bearer ${order.credential}`, 'Content-Type': 'application/json' }
const own = { photo: 'p'.repeat(order.photo), status: null }
const waiting = JSON.parse(readFileSync(order.plan)).map((written) => ({ ...written, ...own }))
const verdicts = {}
for (const transitions of batches(waiting)) {
  const body = JSON.stringify({ device_now: new Date().toISOString(), transitions })
  const answer = await fetch(`${order.origin}/api/v1/sync/push`, { method: 'POST', headers, body })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  for (const { id, verdict, reason = null } of (await answer.json()).results) verdicts[id] = [verdict, reason]
}
say('done', { verdicts })
