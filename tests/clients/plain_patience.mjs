/** How long the documents' rule waits: after failures in a row, and where the server says so. */
import { createServer } from 'node:http'
import { ask, wait } from './patience.mjs'
import { listen } from './listening.mjs'
import { say } from './speaking.mjs'

const asked = []
const server = createServer((_, answer) => {
  asked.push(performance.now())
  answer.writeHead(503, asked.length === 1 ? { 'Retry-After': '1' } : {}).end()
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const origin = `http://127.0.0.1:${server.address().port}`

let told
await ask(origin, {}).catch((error) => (told = { message: error.message, least: error.least }))
const waits = []
for (const failures of [0, 1, 2, 3, 40]) {
  const begun = performance.now()
  await wait(20, Math.min(failures, 5), failures === 40 ? told : undefined)
  waits.push(performance.now() - begun)
}
asked.length = 0
listen({ origin, credential: 'x', changed: () => {}, pause: 20 })
while (asked.length < 5) await new Promise((done) => setTimeout(done, 5))
say('done', { told, waits, gaps: asked.slice(1).map((at, place) => at - asked[place]) })
process.exit(0)
