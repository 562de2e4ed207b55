/** Recorded transitions: kept with their sequence, held for ten seconds, sent, settled. */

import { usableAddress } from './address.js';
import { asked } from './database.js';
import { bringBack, takeDraft } from './drafts.js';
import { EngineError } from './errors.js';
import { stepsOf } from './fold.js';
import { newId } from './ids.js';
import { readMark, setMark } from './store.js';

/** Milliseconds in which a mis-tap can be undone. */
export const HOLD = 10_000;
/** Milliseconds for which settled transitions stay on the queue. */
export const SETTLED_LIFE = 14 * 24 * 3600 * 1000;
/** The reason where the server could not read an item; a later version of either may. */
export const UNREADABLE = 'unreadable';
/**
 * @import { Database } from './database.js'
 * @import { Draft, Item, Order, Task } from './store.js'
 *
 * @typedef {object} Result the verdict on an item, as the server gives it
 * @property {string} id
 * @property {Item['status']} verdict
 * @property {string | null} [reason]
 */

const LONGEST_NOTE = 4000;
const LONGEST_REASON = 200;

/**
 * Keep a transition; it may be undone until `heldUntil`. What it carries is no draft any more.
 * @param {Database} store
 * @param {Order} order
 * @param {number} now by the device's clock
 * @param {Partial<Draft>} [typed] of the task's draft, where it is not kept yet
 * @returns {Promise<Item>}
 * @throws {EngineError} what is wrong with `order`, or 'storage_full': nothing was recorded
 */
export async function record(store, order, now, typed) {
  const told = checked(order);
  return store.write(['task', 'gone', 'state', 'outbox', 'draft', 'mark'], async (tx) => {
    if (await readMark(tx, 'ended')) throw new EngineError('no_session');
    const task = await taskIn(tx, told.task);
    if (!(await asked(tx.objectStore('state').get(told.state)))) {
      throw new EngineError('unknown_state');
    }
    const sequence = (await readMark(tx, 'sequence')) + 1;
    /** @type {Item} */
    const item = {
      ...told,
      ...(await placeOf(tx, task, now)),
      id: newId(now),
      taskTitle: task.title,
      customer: task.customer,
      sequence,
      status: 'held',
      heldUntil: now + HOLD,
      reason: null,
      settledAt: null,
      pulled: false,
      draft: await takeDraft(tx, order, typed),
    };
    tx.objectStore('outbox').add(item);
    setMark(tx, 'sequence', sequence);
    return item;
  });
}

/**
 * A task may leave while the technician is telling of it: who may do what is the server's word.
 * @param {IDBTransaction} tx
 * @param {string} id
 * @returns {Promise<Task>}
 */
async function taskIn(tx, id) {
  const task = await asked(tx.objectStore('task').get(id));
  const found = task ?? (await asked(tx.objectStore('gone').get(id)));
  if (!found) throw new EngineError('unknown_task');
  return found;
}

/**
 * When: never before an earlier one of the task, however the clock goes; and after which step.
 * @param {IDBTransaction} tx
 * @param {Task} task
 * @param {number} now
 */
async function placeOf(tx, task, now) {
  /** @type {Item[]} */
  const items = await asked(tx.objectStore('outbox').index('task').getAll(task.id));
  const steps = stepsOf(task, items, await readMark(tx, 'skew'), '');
  return {
    moment: Math.max(Math.floor(now), ...items.map((one) => one.moment)),
    after: Math.max(0, ...steps.map((step) => step.moment)),
  };
}

/**
 * What the server would refuse for its form is refused here, where it can still be put right.
 * @param {Order} order
 */
function checked({ task, state, note, survey = true, surveyReason, email }) {
  const said = { note: plain(note), surveyReason: survey ? null : plain(surveyReason) };
  if ((said.note ?? '').length > LONGEST_NOTE) throw new EngineError('bad_note');
  if ((said.surveyReason ?? '').length > LONGEST_REASON) throw new EngineError('bad_reason');
  const address = plain(email) === null ? null : usableAddress(email);
  if (plain(email) !== null && address === null) throw new EngineError('bad_email');
  return { task, state, survey, email: address, ...said };
}

/** Text as every column can hold it; nothing where it says nothing. */
/** @param {string | null | undefined} text */
function plain(text) {
  const clean = (text ?? '')
    .replaceAll('\0', '')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .trim();
  return clean === '' ? null : clean;
}

/**
 * Take back what is still held; what it was made of is a draft again.
 * @param {Database} store
 * @param {string} id
 * @param {number} now by the device's clock
 * @returns {Promise<boolean>} false where it is on its way already
 */
export async function undo(store, id, now) {
  return store.write(['outbox', 'draft', 'mark'], async (tx) => {
    if (await readMark(tx, 'ended')) return false;
    const item = await asked(tx.objectStore('outbox').get(id));
    if (!item || item.status !== 'held' || isDue(item, now)) return false;
    tx.objectStore('outbox').delete(id);
    if (item.draft) await bringBack(tx, [item.draft]);
    return true;
  });
}

/**
 * A clock that went back behind the recording must not hold anything for longer.
 * @param {Item} item
 * @param {number} now
 */
function isDue(item, now) {
  return now >= item.heldUntil || now < item.heldUntil - HOLD;
}

/**
 * Let go what was held long enough.
 * @param {Database} store
 * @param {number} now by the device's clock
 * @returns {Promise<{released: number, next: number | null}>} next: milliseconds until the next
 */
export async function release(store, now) {
  return store.write(['outbox'], async (tx) => {
    const outbox = tx.objectStore('outbox');
    /** @type {Item[]} */
    const held = await asked(outbox.index('status').getAll('held'));
    const due = held.filter((item) => isDue(item, now));
    for (const item of due) outbox.put({ ...item, status: 'waiting', draft: null });
    const rest = held.filter((item) => !isDue(item, now)).map((item) => item.heldUntil - now);
    return { released: due.length, next: rest.length ? Math.min(...rest) : null };
  });
}

/**
 * Send anew what the server could not read: the app, or the server, may be another one by now.
 * @param {Database} store
 */
export async function tryAgain(store) {
  await store.write(['outbox'], async (tx) => {
    const outbox = tx.objectStore('outbox');
    for (const item of await unreadable(tx)) {
      outbox.put({ ...item, status: 'waiting', reason: null, settledAt: null });
    }
  });
}

/**
 * What the server could not read.
 * @param {IDBTransaction} tx
 * @returns {Promise<Item[]>}
 */
export async function unreadable(tx) {
  /** @type {Item[]} */
  const refused = await asked(tx.objectStore('outbox').index('status').getAll('refused'));
  return refused.filter((item) => item.reason === UNREADABLE);
}

/**
 * Tell again what was settled: a server restored from a backup may have forgotten it, and one
 * that has not gives each item the verdict that it had.
 * @param {IDBTransaction} tx
 */
export async function tellAgain(tx) {
  const outbox = tx.objectStore('outbox');
  for (const status of ['accepted', 'duplicate', 'parked', 'refused']) {
    for (const item of await asked(outbox.index('status').getAll(status))) {
      outbox.put({ ...item, status: 'waiting', reason: null, settledAt: null, pulled: false });
    }
  }
}

/**
 * What waits to be pushed, in the order in which it was recorded.
 * @param {Database} store
 * @returns {Promise<Item[]>}
 */
export async function waiting(store) {
  /** @type {Item[]} */
  const items = await store.read(['outbox'], (tx) =>
    asked(tx.objectStore('outbox').index('status').getAll('waiting')),
  );
  return items.sort((one, other) => one.sequence - other.sequence);
}

/**
 * Keep verdicts.
 * @param {Database} store
 * @param {Result[]} results
 * @param {number} now by the device's clock
 */
export async function settle(store, results, now) {
  await store.write(['outbox'], (tx) => settleIn(tx, results, now));
}

/**
 * The same within a transaction that has other things to keep.
 * @param {IDBTransaction} tx
 * @param {Result[]} results
 * @param {number} now by the device's clock
 */
export async function settleIn(tx, results, now) {
  const outbox = tx.objectStore('outbox');
  for (const { id, verdict, reason } of results) {
    const item = await asked(outbox.get(id));
    if (item) outbox.put({ ...item, status: verdict, reason: reason ?? null, settledAt: now });
  }
}

/**
 * After a pull that reached the end: all that the server has accepted before is shown by what was
 * pulled. What was settled long ago is forgotten.
 * @param {IDBTransaction} tx
 * @param {number} now by the device's clock
 */
export async function tidy(tx, now) {
  const outbox = tx.objectStore('outbox');
  for (const status of ['accepted', 'duplicate', 'refused']) {
    for (const item of await asked(outbox.index('status').getAll(status))) {
      const old = now - item.settledAt > SETTLED_LIFE && item.reason !== UNREADABLE;
      if (old) outbox.delete(item.id);
      else if (!item.pulled && status !== 'refused') outbox.put({ ...item, pulled: true });
    }
  }
}
