/** The other enrolments on this browser: what they have queued, who takes it over, what is left. */

import { asked } from './database.js';
import { unreadable } from './outbox.js';
import { openStore, readMark, setMark } from './store.js';

/**
 * The same technician's former enrolments end in the present one, with what they had queued.
 * @param {import('./directory.js').Directory} directory
 * @param {string} device the present one
 * @param {string} technician
 * @param {import('./database.js').Database} store of the present one
 * @returns {Promise<boolean>} whether there was one
 */
export async function gather(directory, device, technician, store) {
  const all = await directory.all();
  const former = all.filter((one) => one.technician === technician && one.device !== device);
  for (const one of former) {
    await moveQueue(one.device, store);
    await directory.forget(one.device);
  }
  return former.length > 0;
}

/**
 * Nothing of a device stays on this browser.
 * @param {import('./directory.js').Directory} directory
 * @param {string} device
 */
export async function forget(directory, device) {
  await openStore(device).erase();
  await directory.forget(device);
}

/**
 * Who else has something queued here.
 * @param {import('./directory.js').Directory} directory
 * @param {string | undefined} device the present one
 * @returns {Promise<{device: string, name: string, waiting: number}[]>}
 */
export async function waitingOthers(directory, device) {
  const found = [];
  for (const other of await directory.all()) {
    const waiting = other.device === device ? 0 : await unsettled(other.device);
    if (waiting) found.push({ device: other.device, name: other.name || other.deviceName, waiting });
  }
  return found;
}

/**
 * No tab records or undoes anything there once it is read. Killed in between, both have it: pushing
 * twice is once, and the next start moves it again.
 */
async function moveQueue(from, to) {
  const store = openStore(from);
  const items = await store.write(['outbox', 'mark'], (tx) => {
    setMark(tx, 'ended', true);
    return asked(tx.objectStore('outbox').getAll());
  });
  await to.write(['outbox', 'mark'], async (tx) => {
    setMark(tx, 'ended', false);
    const last = Math.max(await readMark(tx, 'sequence'), ...items.map((item) => item.sequence));
    setMark(tx, 'sequence', last);
    for (const item of items) {
      const there = await asked(tx.objectStore('outbox').getKey(item.id));
      if (!there) tx.objectStore('outbox').add(item);
    }
  });
  await store.erase();
}

/**
 * How much of a device's the server does not have: what has no verdict, and what it could not read.
 * @param {string} device
 * @returns {Promise<number>}
 */
export async function unsettled(device) {
  const store = openStore(device);
  try {
    return await store.read(['outbox'], async (tx) => {
      const status = tx.objectStore('outbox').index('status');
      const { length: unread } = await unreadable(tx);
      return unread + (await asked(status.count('waiting'))) + (await asked(status.count('held')));
    });
  } finally {
    await store.close();
  }
}
