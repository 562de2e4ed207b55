/** A WatermelonDB app that is left open. */
import LokiJS from '@nozbe/watermelondb/adapters/lokijs/index.js'
import { openRetour } from './client.mjs'
import { listen } from './listening.mjs'
import { order, say } from './speaking.mjs'
import { schema } from './tables.mjs'

const adapter = new LokiJS.default({ schema, dbName: order.device, useWebWorker: false, useIncrementalIndexedDB: false })
const { database, sync } = openRetour({ ...order, adapter })
database.get('tasks').query().observeCount(false).subscribe((count) => say('tasks', { count }))
const changed = () => sync().catch((error) => console.error(error.message))
await listen({ ...order, changed, pause: 50 })
