/** A day of a technician whose app keeps its tasks in WatermelonDB. */
import { readFileSync } from 'node:fs'
import LokiJS from '@nozbe/watermelondb/adapters/lokijs/index.js'
import { hasUnsyncedChanges } from '@nozbe/watermelondb/sync/index.js'
import { openRetour } from './client.mjs'
import { schema } from './tables.mjs'
import { hear, order, say } from './speaking.mjs'

// A column of the app's own, with so many letters.
const own = { name: 'photo', type: 'string', isOptional: true }
if (order.photo) schema.tables.transitions.columns.photo = own
if (order.photo) schema.tables.transitions.columnArray.push(own)

const adapter = new LokiJS.default({ schema, dbName: order.device, useWebWorker: false, useIncrementalIndexedDB: false })
const { database, sync } = openRetour({ ...order, adapter })
const rows = (table) => database.get(table).query().fetch()
const unsynced = async () => (await rows('transitions')).filter((row) => row._raw._status !== 'synced').length

/** Until it works: the network comes and goes. */
async function syncAgainAndAgain() {
  for (;;) {
    try {
      return await sync()
    } catch (error) {
      console.error(error.message)
      await new Promise((done) => setTimeout(done, 50))
    }
  }
}

await syncAgainAndAgain()
say('synced', { tasks: (await rows('tasks')).length })

await hear()
const table = database.get('transitions')
const plan = JSON.parse(readFileSync(order.plan))
await database.write(() => database.batch(plan.map(({ id, moment, ...rest }) => table.prepareCreate((row) => {
  row._raw.id = id
  row._setRaw('moment', Date.parse(moment))
  for (const [name, value] of Object.entries(rest)) row._setRaw(name, value)
  if (order.photo) row._setRaw('photo', 'p'.repeat(order.photo))
}))))
say('recorded', { waiting: await unsynced() })

await syncAgainAndAgain()
say('settled')

await hear()
await syncAgainAndAgain()
const held = await rows('transitions')
const notes = new Map(plan.map(({ id, note }) => [id, note]))
say('done', {
  verdicts: Object.fromEntries(held.map((row) => [row.id, [row._getRaw('status'), row._getRaw('reason')]])),
  states: Object.fromEntries((await rows('tasks')).map((row) => [row.id, row._getRaw('state')])),
  notes: held.filter((row) => row._getRaw('note') === notes.get(row.id)).length,
  photos: held.filter((row) => order.photo && row._getRaw('photo')?.length === order.photo).length,
  waiting: Number(await hasUnsyncedChanges({ database }))
})
process.exit(0)
