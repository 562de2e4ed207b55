/** What the views read: tasks with their customer, their past and what is under way here. */

import { usableAddress } from './address.js';
import { askedAt } from './asks.js';
import { asked } from './database.js';
import { currentRound, isOwn, stateAfter, stepsOf } from './fold.js';
import { KINDS, readMark } from './store.js';

/**
 * @import { Database } from './database.js'
 * @import { Customer, Item, Location, State, StateKind, Task, TaskType } from './store.js'
 */

const STORES = [...KINDS, 'outbox', 'mark'];
const PENDING = ['held', 'waiting', 'parked'];

/**
 * What is kept, read at one moment; things by id.
 * @typedef {object} Content
 * @property {Task[]} tasks
 * @property {Map<string, Customer>} customers
 * @property {Map<string, Location>} locations
 * @property {Map<string, TaskType>} types
 * @property {Map<string, State>} states
 * @property {Item[]} items in the order in which they were recorded
 * @property {number} skew
 *
 * @typedef {Map<string | null, Item[]>} Captured items with an address, by customer
 *
 * @typedef {object} StateShown
 * @property {string} code
 * @property {string} name
 * @property {Record<string, string>} names by language
 * @property {StateKind} kind
 *
 * @typedef {ReturnType<typeof queued>} QueueItem
 * @typedef {ReturnType<typeof tasksOf>[number]} TaskSummary
 * @typedef {ReturnType<typeof pageOf>} TaskPage
 * @typedef {TaskPage['history'][number]} StepShown
 */

/**
 * Everything.
 * @param {Database} store
 * @returns {Promise<Content>}
 */
export async function readAll(store) {
  return store.read(STORES, async (tx) => {
    const [tasks, customers, locations, types, states, items] = await Promise.all(
      [...KINDS, 'outbox'].map((name) => asked(tx.objectStore(name).getAll())),
    );
    const skew = await readMark(tx, 'skew');
    return contentOf(tasks, customers, locations, types, states, items, skew);
  });
}

/**
 * One task with what belongs to it; null where it is not on this device.
 * @param {Database} store
 * @param {string} id
 * @returns {Promise<Content | null>}
 */
export async function readOne(store, id) {
  return store.read(STORES, async (tx) => {
    /** @param {string} name @param {string | null} key */
    const one = (name, key) => (key ? asked(tx.objectStore(name).get(key)) : null);
    /** @param {string} index @param {string | null} key */
    const items = (index, key) =>
      key ? asked(tx.objectStore('outbox').index(index).getAll(key)) : [];
    const task = await one('task', id);
    if (!task) return null;
    const [customer, location, type, states, own, captured, skew] = await Promise.all([
      one('customer', task.customer),
      one('location', task.location),
      one('task_type', task.type),
      asked(tx.objectStore('state').getAll()),
      items('task', id),
      items('customer', task.customer),
      readMark(tx, 'skew'),
    ]);
    const found = [...byId([...own, ...captured]).values()];
    return contentOf([task], [customer], [location], [type], states, found, skew);
  });
}

/**
 * What was recorded here, newest first.
 * @param {Database} store
 */
export async function readQueue(store) {
  return store.read(['state', 'outbox'], async (tx) => {
    /** @type {State[]} */
    const all = await asked(tx.objectStore('state').getAll());
    const states = byId(all);
    /** @type {Item[]} */
    const items = await asked(tx.objectStore('outbox').getAll());
    return items
      .sort((one, other) => other.sequence - one.sequence)
      .map((item) => queued(item, stateOf({ states }, item.state)));
  });
}

/**
 * @param {Item} item
 * @param {StateShown} state
 */
function queued(item, state) {
  const { id, task, taskTitle, moment, note, email, survey, surveyReason } = item;
  const { status, reason, settledAt, heldUntil } = item;
  const undoUntil = status === 'held' ? heldUntil : null;
  const said = { id, task, taskTitle, state, moment, note, email, survey, surveyReason };
  return { ...said, status, reason, settledAt, undoUntil };
}

/**
 * @param {Task[]} tasks
 * @param {(Customer | null)[]} customers
 * @param {(Location | null)[]} locations
 * @param {(TaskType | null)[]} types
 * @param {State[]} states
 * @param {Item[]} items
 * @param {number} skew
 * @returns {Content}
 */
function contentOf(tasks, customers, locations, types, states, items, skew) {
  return {
    tasks,
    customers: byId(customers),
    locations: byId(locations),
    types: byId(types),
    states: byId(states),
    items: items.sort((one, other) => one.sequence - other.sequence),
    skew,
  };
}

/**
 * All tasks, the next one first.
 * @param {Content} content
 * @param {string} me the technician's name
 */
export function tasksOf(content, me) {
  const mine = Map.groupBy(content.items, (item) => item.task);
  const captured = Map.groupBy(content.items.filter(isCaptured), (item) => item.customer);
  return content.tasks
    .map((task) => summaryOf(content, task, mine.get(task.id) ?? [], captured, me).summary)
    .sort(byTime);
}

/**
 * The task of `readOne`, with all that its page shows.
 * @param {Content} content
 * @param {string} me the technician's name
 */
export function pageOf(content, me) {
  const { task, summary, steps } = theTask(content, me);
  const flow = content.types.get(task.type)?.flow ?? {};
  const next = flow[summary.state.code] ?? [];
  const others = [...content.states.keys()].filter(
    (code) => code !== summary.state.code && !next.includes(code),
  );
  return {
    ...summary,
    next: next.map((code) => stateOf(content, code)),
    other: others.map((code) => stateOf(content, code)),
    history: steps.map((step) => ({ ...step, state: stateOf(content, step.state) })),
  };
}

/**
 * Who is asked if the task of `readOne` enters `state` now.
 * @param {Content} content
 * @param {string} state
 * @param {string | null} email typed for the customer, not yet recorded
 * @param {number} now milliseconds by the device's clock
 */
export function asksOf(content, state, email, now) {
  const { task, summary, steps } = theTask(content, '');
  const customer = content.customers.get(task.customer ?? '');
  const mailboxes = {
    customer: summary.customer && (summary.customer.email ?? email),
    location: summary.location?.email,
    contact: task.contact_email,
    billing: customer?.billing_email,
  };
  const facts = { ...task, customer_tags: customer?.tags };
  const asks = content.types.get(task.type)?.asks ?? [];
  const counted = currentRound(task, steps).map((step) => ({
    ...step,
    kind: stateOf(content, step.state).kind,
  }));
  const round = { steps: counted, byHand: task.sent_by_hand ?? [] };
  return askedAt(asks, state, round, mailboxes, facts, now + content.skew);
}

/**
 * @param {Content} content of `readOne`
 * @param {string} me
 */
function theTask(content, me) {
  const [task] = content.tasks;
  const items = content.items.filter((item) => item.task === task.id);
  const captured = Map.groupBy(content.items.filter(isCaptured), (item) => item.customer);
  return { task, ...summaryOf(content, task, items, captured, me) };
}

/**
 * @param {Content} content
 * @param {Task} task
 * @param {Item[]} items of the task
 * @param {Captured} captured
 * @param {string} me
 */
function summaryOf(content, task, items, captured, me) {
  const steps = stepsOf(task, items, content.skew, me);
  const type = content.types.get(task.type);
  const customer = customerOf(content, task.customer, captured);
  const summary = {
    id: task.id,
    title: task.title,
    number: task.external_id,
    type: { name: type?.name ?? '', names: type?.names ?? {} },
    state: stateOf(content, stateAfter(task, steps)),
    scheduledAt: task.scheduled_at === null ? null : Date.parse(task.scheduled_at),
    customer,
    location: locationOf(content, task.location),
    contactEmail: task.contact_email,
    emailMissing: customer !== null && usableAddress(customer.email) === null,
    priority: task.priority,
    reason: task.reason,
    tags: task.tags,
    pool: task.technician === null,
    pending: items.filter((item) => PENDING.includes(item.status)).length,
    refused: items.filter((item) => item.status === 'refused').length,
  };
  return { summary, steps };
}

/** @param {Item} item */
function isCaptured(item) {
  return item.email !== null && item.customer !== null && isOwn(item);
}

/**
 * An address captured here shows at once, where the server has none.
 * @param {Content} content
 * @param {string | null} id
 * @param {Captured} captured
 */
function customerOf(content, id, captured) {
  const customer = content.customers.get(id ?? '');
  if (!customer) return null;
  const { name, phone, call, language } = customer;
  const given = (customer.email ?? '').trim() || null;
  const email = given ?? captured.get(id)?.at(-1)?.email ?? null;
  return { id: customer.id, name, email, captured: given === null && email !== null, phone, call, language };
}

/**
 * @param {Content} content
 * @param {string | null} id
 */
function locationOf(content, id) {
  const location = content.locations.get(id ?? '');
  if (!location) return null;
  const { name, address, email, phone, call, zone } = location;
  return { id: location.id, name, address, email, phone, call, zone };
}

/**
 * A state that is not on the device any more still has its code.
 * @param {Pick<Content, 'states'>} content
 * @param {string} code
 * @returns {StateShown}
 */
function stateOf(content, code) {
  const state = content.states.get(code);
  if (!state) return { code, name: code, names: {}, kind: 'planned' };
  return { code, name: state.name, names: state.names, kind: state.state_kind };
}

/**
 * @param {ReturnType<typeof summaryOf>['summary']} one
 * @param {ReturnType<typeof summaryOf>['summary']} other
 */
function byTime(one, other) {
  const [time, otherTime] = [one.scheduledAt ?? Infinity, other.scheduledAt ?? Infinity];
  if (time !== otherTime) return time < otherTime ? -1 : 1;
  return one.title.localeCompare(other.title) || (one.id < other.id ? -1 : 1);
}

/**
 * @template {{id: string}} T
 * @param {(T | null | undefined)[]} things
 */
function byId(things) {
  /** @type {Map<string, T>} */
  const found = new Map();
  for (const thing of things) if (thing) found.set(thing.id, thing);
  return found;
}
