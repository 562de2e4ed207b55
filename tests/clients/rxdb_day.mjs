/** A day of a technician whose app keeps its tasks in RxDB. */
import { readFileSync } from 'node:fs'
import { filter, firstValueFrom } from 'rxjs'
import { addRxPlugin } from 'rxdb'
import { RxDBDevModePlugin, disableWarnings } from 'rxdb/plugins/dev-mode'
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { wrappedValidateAjvStorage } from 'rxdb/plugins/validate-ajv'
import { openRetour } from './client.mjs'
import { collections } from './collections.mjs'
import { hear, order, say } from './speaking.mjs'

// Every developer's checks: names, schemas, what is done to documents.
disableWarnings()
// A field of the app's own, with so many letters.
if (order.photo) collections.transitions.schema.properties.photo = { type: 'string' }
addRxPlugin(RxDBDevModePlugin)
// It refuses documents that do not fit the schemas, the server's as well.
const storage = wrappedValidateAjvStorage({ storage: getRxStorageMemory() })
const { database, replications, resync } = await openRetour({ ...order, storage, retryTime: 50 })
replications.forEach((one) => one.error$.subscribe((error) => console.error(error.message.slice(0, 300))))
const { tasks, transitions } = database
const waiting = transitions.find({ selector: { status: { $exists: false } } })
const countWaiting = async () => (await waiting.exec()).length
const inSync = () => Promise.all(replications.map((one) => one.awaitInSync()))

/** Until nothing waits; what the live stream would say is said. */
async function settle() {
  await firstValueFrom(waiting.$.pipe(filter((held) => held.length === 0)))
  resync()
  await inSync()
}

await Promise.all(replications.map((one) => one.awaitInitialReplication()))
say('synced', { tasks: await tasks.count().exec() })

await hear()
const photo = order.photo ? { photo: 'p'.repeat(order.photo) } : {}
const plan = JSON.parse(readFileSync(order.plan)).map((written) => ({ ...written, ...photo }))
const { error } = await transitions.bulkInsert(plan)
say('recorded', { errors: error.length, waiting: await countWaiting() })

await settle()
say('settled')

await hear()
await settle()
await settle()
while (await countWaiting()) await settle() // a server that was restored is told everything once more
const held = await transitions.find().exec()
const notes = new Map(plan.map(({ id, note }) => [id, note]))
say('done', {
  verdicts: Object.fromEntries(held.map((one) => [one.id, [one.status, one.reason]])),
  states: Object.fromEntries((await tasks.find().exec()).map((one) => [one.id, one.state])),
  notes: held.filter((one) => one.note === notes.get(one.id)).length,
  photos: held.filter((one) => one.photo?.length === order.photo).length,
  waiting: await countWaiting()
})
process.exit(0)
