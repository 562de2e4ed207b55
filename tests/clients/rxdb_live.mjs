/** An RxDB app that is left open. */
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { openRetour } from './client.mjs'
import { listen } from './listening.mjs'
import { order, say } from './speaking.mjs'

const { database, resync } = await openRetour({ ...order, storage: getRxStorageMemory(), retryTime: 50 })
database.tasks.count().$.subscribe((count) => say('tasks', { count }))
await listen({ ...order, changed: resync, pause: 50 })
