/** What was typed on a task and not recorded yet: a phone that ends the app must not lose it. */

import { asked } from './database.js';

/**
 * @import { Database } from './database.js'
 * @import { Draft, Order } from './store.js'
 *
 * @typedef {'note' | 'email' | 'survey'} Part what a step carries or not; survey: none, and why
 */

/** @type {Part[]} */
const PARTS = ['note', 'email', 'survey'];

/** @param {string} task @returns {Draft} */
function blank(task) {
  return { task, note: '', email: '', unticked: false, why: '', reason: '' };
}

/**
 * @param {Database} store
 * @param {string} task its id
 * @returns {Promise<Draft>}
 */
export async function readDraft(store, task) {
  const kept = await store.read(['draft'], (tx) => asked(tx.objectStore('draft').get(task)));
  return { ...blank(task), ...kept };
}

/**
 * @param {Database} store
 * @param {string} task its id
 * @param {Partial<Draft>} typed
 */
export async function keepDraft(store, task, typed) {
  await store.write(['draft'], async (tx) => {
    const drafts = tx.objectStore('draft');
    const draft = { ...blank(task), ...(await asked(drafts.get(task))), ...typed };
    if (isEmpty(draft)) drafts.delete(task);
    else drafts.put(draft);
  });
}

/**
 * What of a task's draft `order` carries, which ends with that; the rest stays a draft.
 * @param {IDBTransaction} tx
 * @param {Order} order
 * @param {Partial<Draft>} [typed] what is not kept yet
 * @returns {Promise<Draft | null>}
 */
export async function takeDraft(tx, order, typed) {
  const drafts = tx.objectStore('draft');
  const none = blank(order.task);
  const draft = { ...none, ...(await asked(drafts.get(order.task))), ...typed };
  const carried = PARTS.filter((part) => carries(order, part));
  const rest = withParts(draft, none, carried);
  if (isEmpty(rest)) drafts.delete(order.task);
  else drafts.put(rest);
  const taken = withParts(none, draft, carried);
  return isEmpty(taken) ? null : taken;
}

/**
 * Keep `found`, except what was typed anew on the same tasks since.
 * @param {IDBTransaction} tx
 * @param {Draft[]} found
 */
export async function bringBack(tx, found) {
  const drafts = tx.objectStore('draft');
  for (const draft of found) {
    /** @type {Draft} */
    const since = (await asked(drafts.get(draft.task))) ?? blank(draft.task);
    const missing = PARTS.filter((part) => !says(since, part));
    drafts.put(withParts(since, draft, missing));
  }
}

/**
 * `draft` with `parts` as `other` has them.
 * @param {Draft} draft
 * @param {Draft} other
 * @param {Part[]} parts
 * @returns {Draft}
 */
function withParts(draft, other, parts) {
  /** @param {Part} part */
  const from = (part) => (parts.includes(part) ? other : draft);
  const { unticked, why, reason } = from('survey');
  const { task } = draft;
  return { task, note: from('note').note, email: from('email').email, unticked, why, reason };
}

/** @param {Order} order @param {Part} part */
function carries({ note, email, survey }, part) {
  return Boolean({ note, email, survey: survey === false }[part]);
}

/** @param {Draft} draft @param {Part} part */
function says({ note, email, unticked }, part) {
  return Boolean({ note, email, survey: unticked }[part]);
}

/** @param {Draft} draft */
function isEmpty(draft) {
  return !PARTS.some((part) => says(draft, part));
}
