/** The other enrolments on this browser: what they have queued, who takes it over, what is left. */

import { asked } from './database.js';
import { bringBack } from './drafts.js';
import { unreadable } from './outbox.js';
import { openStore, readMark, setMark } from './store.js';
import { withLock } from './locks.js';

/** The mark 'ended' of a store that is about to be erased; `true` where a queue is moved away. */
const LEFT = 'left';

/**
 * @import { Database } from './database.js'
 * @import { Directory } from './directory.js'
 * @import { Draft, Item } from './store.js'
 */

/**
 * The same technician's former enrolments end in the present one, with what they had queued and
 * typed. Tabs
 * take turns, and only into who is at work by then: two that moved opposite ways would each erase
 * what the other one brought.
 * @param {Directory} directory
 * @param {string} device the present one
 * @param {string} technician
 * @param {Database} store of the present one
 * @returns {Promise<boolean>} whether there was one
 */
export async function gather(directory, device, technician, store) {
  return withLock('retour-move', new AbortController().signal, async () => {
    if ((await directory.current())?.device !== device) return false;
    const all = await directory.all();
    const former = all.filter((one) => one.technician === technician && one.device !== device);
    for (const one of former) {
      if (await moveQueue(one.device, store)) await directory.forget(one.device);
    }
    return former.length > 0;
  });
}

/**
 * Nothing of a device stays on this browser, unless something is queued there. Another tab may
 * still be at work with it: what it records from now on is refused, what it did before keeps all.
 * @param {Directory} directory
 * @param {string} device
 */
export async function forget(directory, device) {
  const store = openStore(device);
  const left = await store.write(['outbox', 'mark'], async (tx) => {
    if (await unsettledIn(tx)) return false;
    setMark(tx, 'ended', LEFT);
    return true;
  });
  if (!left) return store.close();
  await store.erase();
  await directory.forget(device);
}

/**
 * Who else has something queued here.
 * @param {Directory} directory
 * @param {string | undefined} device the present one
 * @returns {Promise<{device: string, name: string, waiting: number}[]>}
 */
export async function waitingOthers(directory, device) {
  const found = [];
  for (const other of await directory.all()) {
    const waiting = other.device === device ? 0 : await unsettled(other.device);
    const name = other.name || other.deviceName;
    if (waiting) found.push({ device: other.device, name, waiting });
  }
  return found;
}

/**
 * No tab records or undoes anything there once it is read. Killed in between, both have it: pushing
 * twice is once, and the next start moves it again.
 * @param {string} from a device
 * @param {Database} to
 * @returns {Promise<boolean>} false where the present one was signed out meanwhile: all stays
 */
async function moveQueue(from, to) {
  const store = openStore(from);
  /** @type {{items: Item[], drafts: Draft[]}} */
  const { items, drafts } = await store.write(['outbox', 'draft', 'mark'], async (tx) => {
    setMark(tx, 'ended', true);
    return {
      items: await asked(tx.objectStore('outbox').getAll()),
      drafts: await asked(tx.objectStore('draft').getAll()),
    };
  });
  const taken = await take(to, items, drafts).catch((error) => {
    console.error(error);
    return false;
  });
  if (taken) {
    await store.erase();
  } else {
    await store.write(['mark'], async (tx) => setMark(tx, 'ended', false));
    await store.close();
  }
  return taken;
}

/**
 * Whether `store` has all of `items` and `drafts` now.
 * @param {Database} store
 * @param {Item[]} items
 * @param {Draft[]} drafts
 */
function take(store, items, drafts) {
  return store.write(['outbox', 'draft', 'mark'], async (tx) => {
    if ((await readMark(tx, 'ended')) === LEFT) return false;
    setMark(tx, 'ended', false);
    const last = Math.max(await readMark(tx, 'sequence'), ...items.map((item) => item.sequence));
    setMark(tx, 'sequence', last);
    for (const item of items) {
      const there = await asked(tx.objectStore('outbox').getKey(item.id));
      if (!there) tx.objectStore('outbox').add(item);
    }
    await bringBack(tx, drafts);
    return true;
  });
}

/**
 * How much of a device's the server does not have: what has no verdict, and what it could not read.
 * @param {string} device
 * @returns {Promise<number>}
 */
async function unsettled(device) {
  const store = openStore(device);
  try {
    return await store.read(['outbox'], unsettledIn);
  } finally {
    await store.close();
  }
}

/** @param {IDBTransaction} tx */
async function unsettledIn(tx) {
  const status = tx.objectStore('outbox').index('status');
  const { length: unread } = await unreadable(tx);
  return unread + (await asked(status.count('waiting'))) + (await asked(status.count('held')));
}
