/** Fetching what changed: a page and the cursor behind it are kept together, or neither. */

import { settleIn, tidy } from './outbox.js';
import { ALL, KINDS, readMark, setMark } from './store.js';

/** Changes of a page: few enough that the first ones show soon. */
const PAGE = 500;

/**
 * Pull one page.
 * @param {import('./database.js').Database} store
 * @param {import('./wire.js').Wire} wire
 * @param {() => number} now the device's clock
 * @param {AbortSignal} signal
 * @returns {Promise<{more: boolean, changed: boolean}>}
 * @throws {import('./errors.js').EngineError} nothing of the page was kept
 */
export async function pullPage(store, wire, now, signal) {
  const cursor = await store.read(['mark'], (tx) => readMark(tx, 'cursor'));
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor && { cursor }) });
  let page;
  try {
    page = await wire.get(`/sync/pull?${query}`, signal);
  } catch (error) {
    if (error.code !== 'resync') throw error;
    await startAgain(store);
    return { more: true, changed: false };
  }
  await keep(store, page, wire.skew, now());
  return { more: page.more, changed: page.changes.length > 0 };
}

/** What was pulled stays readable, out of turn, until all of it has come again. */
async function startAgain(store) {
  await store.write(['mark'], async (tx) => {
    setMark(tx, 'turn', (await readMark(tx, 'turn')) + 1);
    setMark(tx, 'cursor', null);
  });
}

async function keep(store, page, skew, now) {
  await store.write(ALL, async (tx) => {
    const turn = await readMark(tx, 'turn');
    for (const change of page.changes) {
      if (KINDS.includes(change.kind)) put(tx.objectStore(change.kind), change, turn);
      else if (change.kind === 'verdict' && !change.deleted) await settleIn(tx, [change], now);
    }
    setMark(tx, 'cursor', page.cursor);
    if (skew !== null) setMark(tx, 'skew', skew);
    if (!page.more) await finish(tx, turn, now);
  });
}

function put(store, change, turn) {
  if (change.deleted) store.delete(change.id);
  else store.put({ ...change, turn });
}

/** The end of the feed: what is left of an earlier turn is not there any more. */
async function finish(tx, turn, now) {
  if ((await readMark(tx, 'swept')) !== turn) {
    for (const kind of KINDS) await sweep(tx.objectStore(kind), turn);
    setMark(tx, 'swept', turn);
  }
  await tidy(tx, now);
  setMark(tx, 'complete', true);
  setMark(tx, 'lastSync', now);
}

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
