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
 * @property {Draft | null} [draft] what it was made of, while it can be undone
 *
 * @typedef {object} Draft what was typed on a task and not recorded yet
 * @property {string} task its id
 * @property {string} note
 * @property {string} email
 * @property {boolean} unticked
 * @property {string} why the chosen reason for no survey: one offered, or 'other'
 * @property {string} reason in own words
 *
 * Content is stored as it was pulled (docs/protocol.md), with the `turn` in which it came. What the
 * app does not read is not named here.
 *
 * @typedef {object} Task
 * @property {string} id
 * @property {string | null} external_id
 * @property {string} title
 * @property {string} type
 * @property {string} state
 * @property {string | null} customer
 * @property {string | null} location
 * @property {string | null} technician null for a pool's task
 * @property {string | null} contact_email
 * @property {string | null} priority
 * @property {string | null} reason
 * @property {string} unit
 * @property {string | null} channel
 * @property {string | null} [account_manager] not of what was pulled by an older version
 * @property {string[]} tags
 * @property {string | null} scheduled_at
 * @property {string | null} [round_opened_at] not of what was pulled by an older version
 * @property {string[]} [sent_by_hand] campaigns; not of what was pulled by an older version
 * @property {{id: string, state: string, moment: string, by: string, note: string | null,
 *   survey: boolean}[]} history the last transitions, earliest first
 *
 * @typedef {object} Customer
 * @property {string} id
 * @property {string} name
 * @property {string | null} email
 * @property {string | null} billing_email
 * @property {string | null} phone
 * @property {string | null} call
 * @property {string} language
 * @property {string[]} [tags] not of what was pulled by an older version
 *
 * @typedef {object} Location
 * @property {string} id
 * @property {string} name
 * @property {string} address
 * @property {string | null} email
 * @property {string | null} phone
 * @property {string | null} call
 * @property {string | null} zone
 *
 * @typedef {object} Ask a campaign that asks once in a round that a task enters one of `states`
 * @property {string} campaign
 * @property {string} name
 * @property {string[]} states
 * @property {import('./asks.js').Whose} primary
 * @property {import('./asks.js').Whose | null} secondary
 * @property {boolean} may_untick
 * @property {string | null} delay DD:HH:MM; null: not known
 * @property {'elapsed' | 'working'} [delay_in]
 * @property {string | null} mute DD:HH:MM
 * @property {Criteria | null} [criteria] which tasks it asks about; without: any
 * @property {boolean} [sampled] whether it asks about a part of them
 * @property {string | null} [starts_at] the first moment at which a step may make it ask
 * @property {string | null} [ends_at] the first moment at which none does any more
 *
 * @typedef {object} Criteria values of which a task has any in each list that is not empty
 * @property {string[]} units those below them, too
 * @property {string[]} priorities
 * @property {string[]} reasons
 * @property {string[]} channels
 * @property {string[]} account_managers
 * @property {string[]} tags
 * @property {string[]} customer_tags
 *
 * @typedef {object} TaskType
 * @property {string} id
 * @property {string} name
 * @property {Record<string, string>} names by language
 * @property {Record<string, string[]>} flow next states by state
 * @property {Ask[]} asks
 *
 * @typedef {'planned' | 'active' | 'done' | 'closed' | 'cancelled'} StateKind
 *
 * @typedef {object} State
 * @property {string} id its code
 * @property {string} name
 * @property {Record<string, string>} names by language
 * @property {StateKind} state_kind
 *
 * @typedef {object} Order what a technician records
 * @property {string} task
 * @property {string} state
 * @property {string | null} [note]
 * @property {boolean} [survey]
 * @property {string | null} [surveyReason]
 * @property {string | null} [email] captured for the customer
 */

import { Database, asked } from './database.js';

/** Kinds of content, each a store by id. */
/** @type {['task', 'customer', 'location', 'task_type', 'state']} */
export const KINDS = ['task', 'customer', 'location', 'task_type', 'state'];
export const ALL = [...KINDS, 'gone', 'outbox', 'mark'];

/** @param {string} device @returns {Database} */
export function openStore(device) {
  return new Database(`retour-${device}`, 2, (database, from) => {
    if (from < 2) database.createObjectStore('draft', { keyPath: 'task' });
    if (from >= 1) return;
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
 * @typedef {object} Marks
 * @property {number} sequence of the last transition
 * @property {string | null} cursor
 * @property {number} turn counts how often everything was pulled anew
 * @property {boolean} complete whether a pull has reached the end
 * @property {number} swept the turn whose leftovers are gone
 * @property {number | null} lastSync milliseconds by the device's clock
 * @property {number} skew milliseconds that the server is ahead
 * @property {boolean | 'left'} ended whether another enrolment took the queue, or all is to be erased
 * @property {boolean} signedOut whether the server did not know the device at the last contact
 */

/**
 * What holds before a mark was first set.
 * @type {Marks}
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
 * @template {keyof Marks} Name
 * @param {IDBTransaction} tx
 * @param {Name} name
 * @returns {Promise<Marks[Name]>}
 */
export async function readMark(tx, name) {
  return (await asked(tx.objectStore('mark').get(name))) ?? FIRST[name];
}

/**
 * @template {keyof Marks} Name
 * @param {IDBTransaction} tx
 * @param {Name} name
 * @param {Marks[Name]} value
 */
export function setMark(tx, name, value) {
  tx.objectStore('mark').put(value, name);
}
