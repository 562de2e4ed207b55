/** Fetching what changed: a page and the cursor behind it are kept together, or neither. */

import { asked } from './database.js';
import { codeOf } from './errors.js';
import { settleIn, tellAgain, tidy } from './outbox.js';
import { ALL, KINDS, readMark, setMark } from './store.js';

/**
 * @import { Database } from './database.js'
 * @import { Result } from './outbox.js'
 *
 * @typedef {object} Change of a page: content, a tombstone, or a verdict
 * @property {string} kind
 * @property {string} id
 * @property {boolean} [deleted]
 *
 * @typedef {object} Pulled a page of the feed
 * @property {Change[]} changes
 * @property {string} cursor
 * @property {boolean} more
 */

/** Changes of a page: few enough that the first ones show soon. */
const PAGE = 500;
/** What does not stay where nobody is enrolled: who the customers are, where, and their tasks. */
const PRIVATE = ['task', 'customer', 'location', 'task_type', 'gone'];
/** Milliseconds for which a task that left can still be told of. */
const GONE_LIFE = 24 * 3600 * 1000;

/**
 * Pull one page.
 * @param {Database} store
 * @param {import('./wire.js').Wire} wire
 * @param {() => number} now the device's clock
 * @param {AbortSignal} signal
 * @returns {Promise<{more: boolean}>}
 * @throws {import('./errors.js').EngineError} nothing of the page was kept
 */
export async function pullPage(store, wire, now, signal) {
  const cursor = await store.read(['mark'], (tx) => readMark(tx, 'cursor'));
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
  let page;
  try {
    page = await wire.get(`/sync/pull?${query}`, signal);
  } catch (error) {
    // The key of cursors may have changed on the server: then none of ours is good any more.
    const foreign = codeOf(error) === 'bad_cursor' && cursor;
    if (codeOf(error) !== 'resync' && !foreign) throw error;
    await startAgain(store);
    return { more: true };
  }
  await keep(store, page, wire.skew, now());
  return { more: page.more };
}

/**
 * What was pulled stays readable, out of turn, until all of it has come again.
 * @param {Database} store
 */
async function startAgain(store) {
  await store.write(['mark', 'outbox'], async (tx) => {
    setMark(tx, 'turn', (await readMark(tx, 'turn')) + 1);
    setMark(tx, 'cursor', null);
    await tellAgain(tx);
  });
}

/**
 * The server does not know this device any more: a phone that was stolen or left shows nobody's
 * address. What was recorded stays, and the names of states, which say what that is. Should the
 * device be known again, everything is pulled anew.
 * @param {Database} store
 */
export async function dropPulled(store) {
  await store.write(ALL, async (tx) => {
    for (const kind of PRIVATE) tx.objectStore(kind).clear();
    setMark(tx, 'cursor', null);
    setMark(tx, 'complete', false);
    setMark(tx, 'signedOut', true);
  });
}

/**
 * @param {Database} store
 * @param {Pulled} page
 * @param {number | null} skew
 * @param {number} now
 */
async function keep(store, page, skew, now) {
  await store.write([...ALL, 'draft'], async (tx) => {
    const turn = await readMark(tx, 'turn');
    for (const change of page.changes) {
      if (KINDS.some((kind) => kind === change.kind)) await put(tx, change, turn, now);
      else if (change.kind === 'verdict' && !change.deleted) {
        await settleIn(tx, [/** @type {Change & Result} */ (change)], now);
      }
    }
    setMark(tx, 'cursor', page.cursor);
    setMark(tx, 'signedOut', false);
    if (skew !== null) setMark(tx, 'skew', skew);
    if (!page.more) await finish(tx, turn, now);
  });
}

/**
 * @param {IDBTransaction} tx
 * @param {Change} change
 * @param {number} turn
 * @param {number} now
 */
async function put(tx, change, turn, now) {
  const store = tx.objectStore(change.kind);
  if (!change.deleted) {
    store.put({ ...change, turn });
    return;
  }
  if (change.kind === 'task') {
    const task = await asked(store.get(change.id));
    if (task) tx.objectStore('gone').put({ ...task, leftAt: now });
  }
  store.delete(change.id);
}

/**
 * The end of the feed: what is left of an earlier turn is not there any more.
 * @param {IDBTransaction} tx
 * @param {number} turn
 * @param {number} now
 */
async function finish(tx, turn, now) {
  if ((await readMark(tx, 'swept')) !== turn) {
    for (const kind of KINDS) await sweep(tx.objectStore(kind), turn);
    setMark(tx, 'swept', turn);
  }
  await tidy(tx, now);
  const gone = tx.objectStore('gone');
  for (const task of await asked(gone.getAll())) {
    if (Math.abs(now - task.leftAt) > GONE_LIFE) gone.delete(task.id);
  }
  await dropDrafts(tx);
  setMark(tx, 'complete', true);
  setMark(tx, 'lastSync', now);
}

/**
 * What was typed on tasks that can no longer be told of.
 * @param {IDBTransaction} tx
 */
async function dropDrafts(tx) {
  const drafts = tx.objectStore('draft');
  for (const task of await asked(drafts.getAllKeys())) {
    const kept = ['task', 'gone'].map((name) => asked(tx.objectStore(name).getKey(task)));
    if (!(await Promise.all(kept)).some(Boolean)) drafts.delete(task);
  }
}

/**
 * @param {IDBObjectStore} store
 * @param {number} turn
 * @returns {Promise<void>}
 */
function sweep(store, turn) {
  return new Promise((resolve, reject) => {
    const request = store.openCursor();
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const place = request.result;
      if (!place) return resolve(undefined);
      if (place.value.turn !== turn) place.delete();
      return place.continue();
    };
  });
}
