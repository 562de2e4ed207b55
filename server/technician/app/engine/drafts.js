/** What was typed on a task and not recorded yet: a phone that ends the app must not lose it. */

import { asked } from './database.js';

/**
 * @import { Database } from './database.js'
 * @import { Draft } from './store.js'
 */

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
 * The draft of a task that is being recorded, which ends with that.
 * @param {IDBTransaction} tx
 * @param {string} task its id
 * @returns {Promise<Draft | null>}
 */
export async function takeDraft(tx, task) {
  const drafts = tx.objectStore('draft');
  const draft = await asked(drafts.get(task));
  drafts.delete(task);
  return draft ?? null;
}

/**
 * Keep `found`, unless something was typed on the same tasks since.
 * @param {IDBTransaction} tx
 * @param {Draft[]} found
 */
export async function bringBack(tx, found) {
  const drafts = tx.objectStore('draft');
  for (const draft of found) {
    if (!(await asked(drafts.getKey(draft.task)))) drafts.add(draft);
  }
}

/** @param {Draft} draft */
function isEmpty({ note, email, unticked }) {
  return !note && !email && !unticked;
}
