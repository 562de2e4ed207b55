/** Bringing what waits to the server, in batches; each verdict is kept before anything is let go. */

import { EngineError, codeOf } from './errors.js';
import { settle, UNREADABLE, waiting } from './outbox.js';

/**
 * @import { Database } from './database.js'
 * @import { Result } from './outbox.js'
 * @import { Item } from './store.js'
 * @import { Wire } from './wire.js'
 */

const EARLIEST = Date.UTC(1900);
const LATEST = Date.UTC(9000);
const MOST_ITEMS = 500;
/** Characters of a batch: well below the server's limit of a mebibyte, whatever they encode to. */
const MOST_LETTERS = 200_000;
/** What the server says of a body that it cannot read or that is too much for it. */
const OF_BODY = new Set(['bad_request', 'bad_field', 'bad_text', 'too_large', 'too_many']);

/**
 * Push until nothing waits.
 * @param {Database} store
 * @param {Wire} wire
 * @param {() => number} now the device's clock
 * @param {AbortSignal} signal
 * @returns {Promise<number>} how many were settled
 * @throws {import('./errors.js').EngineError} what is not settled by then still waits
 */
export async function pushAll(store, wire, now, signal) {
  let settled = 0;
  for (;;) {
    const batch = firstOf(await waiting(store));
    if (!batch.length) return settled;
    await pushBatch(store, wire, now, signal, batch);
    settled += batch.length;
  }
}

/**
 * One item that the server cannot read must not keep the others: halve until it is alone.
 * @param {Database} store
 * @param {Wire} wire
 * @param {() => number} now
 * @param {AbortSignal} signal
 * @param {Item[]} batch
 * @returns {Promise<void>}
 */
async function pushBatch(store, wire, now, signal, batch) {
  const said = { device_now: written(now()), transitions: batch.map(told) };
  /** @type {{results: Result[]}} */
  let reply;
  try {
    reply = await wire.post('/sync/push', said, signal);
  } catch (error) {
    if (!OF_BODY.has(codeOf(error) ?? '')) throw error;
    if (batch.length === 1) {
      return settle(store, [{ id: batch[0].id, verdict: 'refused', reason: UNREADABLE }], now());
    }
    const middle = Math.ceil(batch.length / 2);
    await pushBatch(store, wire, now, signal, batch.slice(0, middle));
    return pushBatch(store, wire, now, signal, batch.slice(middle));
  }
  await settle(store, reply.results.map(understood), now());
  const answered = new Set(reply.results.map((result) => result.id));
  if (batch.some((item) => !answered.has(item.id))) throw new EngineError('server');
}

/**
 * What the server could not read it does not keep, unlike whatever else it refuses.
 * @param {Result} result
 */
function understood(result) {
  return result.reason === 'malformed' ? { ...result, reason: UNREADABLE } : result;
}

/** @param {Item[]} items */
function firstOf(items) {
  /** @type {Item[]} */
  const batch = [];
  let letters = 0;
  for (const item of items.slice(0, MOST_ITEMS)) {
    letters += 400 + (item.note ?? '').length;
    if (batch.length && letters > MOST_LETTERS) break;
    batch.push(item);
  }
  return batch;
}

/**
 * A moment as the protocol writes it; a clock may be out of all bounds, four digits say the year.
 * @param {number} moment
 */
function written(moment) {
  return new Date(Math.min(Math.max(moment, EARLIEST), LATEST)).toISOString();
}

/** An item as the protocol has it. @param {Item} item */
function told(item) {
  return {
    id: item.id,
    task: item.task,
    state: item.state,
    moment: written(item.moment),
    sequence: item.sequence,
    survey: item.survey,
    ...(item.note !== null && { note: item.note }),
    ...(item.surveyReason !== null && { survey_reason: item.surveyReason }),
    ...(item.email !== null && { email: item.email }),
  };
}
