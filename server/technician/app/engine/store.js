/**
 * What one enrolled device keeps: the content it pulled, the transitions it recorded, its marks.
 *
 * @typedef {object} Item a recorded transition, in the order of `sequence`
 * @property {string} id
 * @property {string} task
 * @property {string} taskTitle
 * @property {string | null} customer whose address `email` is
 * @property {string} state
 * @property {number} moment milliseconds by the device's clock
 * @property {number} after milliseconds by the server's clock: of the step that was the last here
 * @property {number} sequence
 * @property {string | null} note
 * @property {boolean} survey
 * @property {string | null} surveyReason
 * @property {string | null} email
 * @property {'held' | 'waiting' | 'accepted' | 'duplicate' | 'parked' | 'refused'} status
 * @property {number} heldUntil milliseconds by the device's clock
 * @property {string | null} reason why it was refused
 * @property {number | null} settledAt milliseconds by the device's clock
 * @property {boolean} pulled whether what was pulled since shows it, so that nothing is to add
 */

import { Database, asked } from './database.js';

/** Kinds of content, each a store by id. */
export const KINDS = ['task', 'customer', 'location', 'task_type', 'state'];
export const ALL = [...KINDS, 'gone', 'outbox', 'mark'];

/** @param {string} device @returns {Database} */
export function openStore(device) {
  return new Database(`retour-${device}`, 1, (database) => {
    for (const kind of KINDS) database.createObjectStore(kind, { keyPath: 'id' });
    const outbox = database.createObjectStore('outbox', { keyPath: 'id' });
    outbox.createIndex('task', 'task');
    outbox.createIndex('status', 'status');
    outbox.createIndex('customer', 'customer');
    // Tasks that left a moment ago: what is just being told of them is still recorded.
    database.createObjectStore('gone', { keyPath: 'id' });
    database.createObjectStore('mark');
  });
}

/**
 * Marks, with what holds before they were first set. `ended`: another enrolment took the queue.
 * `signedOut`: the server did not know the device at the last contact.
 */
const FIRST = {
  sequence: 0,
  cursor: null,
  turn: 1,
  complete: false,
  swept: 1,
  lastSync: null,
  skew: 0,
  ended: false,
  signedOut: false,
};

/**
 * @param {IDBTransaction} tx
 * @param {keyof typeof FIRST} name
 */
export async function readMark(tx, name) {
  return (await asked(tx.objectStore('mark').get(name))) ?? FIRST[name];
}

/**
 * @param {IDBTransaction} tx
 * @param {keyof typeof FIRST} name
 */
export function setMark(tx, name, value) {
  tx.objectStore('mark').put(value, name);
}
