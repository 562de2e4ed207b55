/** What the views read: tasks with their customer, their past and what is under way here. */

import { usableAddress } from './address.js';
import { askedAt } from './asks.js';
import { asked } from './database.js';
import { isOwn, stateAfter, stepsOf } from './fold.js';
import { KINDS, readMark } from './store.js';

const STORES = [...KINDS, 'outbox', 'mark'];
const PENDING = ['held', 'waiting', 'parked'];

/**
 * What is kept, read at one moment; things by id.
 * @typedef {object} Content
 * @property {any[]} tasks
 * @property {Map<string, any>} customers
 * @property {Map<string, any>} locations
 * @property {Map<string, any>} types
 * @property {Map<string, any>} states
 * @property {import('./store.js').Item[]} items in the order in which they were recorded
 * @property {number} skew
 */

/**
 * Everything.
 * @param {import('./database.js').Database} store
 * @returns {Promise<Content>}
 */
export async function readAll(store) {
  return store.read(STORES, async (tx) => {
    const all = (name) => asked(tx.objectStore(name).getAll());
    const [tasks, customers, locations, types, states, items, skew] = await Promise.all([
      ...KINDS.map(all),
      all('outbox'),
      readMark(tx, 'skew'),
    ]);
    return contentOf(tasks, customers, locations, types, states, items, skew);
  });
}

/**
 * One task with what belongs to it; null where it is not on this device.
 * @param {import('./database.js').Database} store
 * @param {string} id
 * @returns {Promise<Content | null>}
 */
export async function readOne(store, id) {
  return store.read(STORES, async (tx) => {
    const one = (name, key) => (key ? asked(tx.objectStore(name).get(key)) : null);
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
 * @param {import('./database.js').Database} store
 */
export async function readQueue(store) {
  return store.read(['state', 'outbox'], async (tx) => {
    const states = byId(await asked(tx.objectStore('state').getAll()));
    const items = await asked(tx.objectStore('outbox').getAll());
    return items
      .sort((one, other) => other.sequence - one.sequence)
      .map((item) => queued(item, stateOf({ states }, item.state)));
  });
}

function queued(item, state) {
  const { id, task, taskTitle, moment, note, email, survey, surveyReason } = item;
  const { status, reason, settledAt, heldUntil } = item;
  const undoUntil = status === 'held' ? heldUntil : null;
  const said = { id, task, taskTitle, state, moment, note, email, survey, surveyReason };
  return { ...said, status, reason, settledAt, undoUntil };
}

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
 */
export function asksOf(content, state, email) {
  const { task, summary, steps } = theTask(content, '');
  const mailboxes = {
    customer: summary.customer && (summary.customer.email ?? email),
    location: summary.location?.email,
    contact: task.contact_email,
    billing: content.customers.get(task.customer)?.billing_email,
  };
  return askedAt(content.types.get(task.type)?.asks ?? [], state, steps, mailboxes);
}

function theTask(content, me) {
  const [task] = content.tasks;
  const items = content.items.filter((item) => item.task === task.id);
  const captured = Map.groupBy(content.items.filter(isCaptured), (item) => item.customer);
  return { task, ...summaryOf(content, task, items, captured, me) };
}

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

function isCaptured(item) {
  return item.email !== null && item.customer !== null && isOwn(item);
}

/** An address captured here shows at once, where the server has none. */
function customerOf(content, id, captured) {
  const customer = content.customers.get(id);
  if (!customer) return null;
  const { name, phone, call, language } = customer;
  const given = (customer.email ?? '').trim() || null;
  const email = given ?? captured.get(id)?.at(-1)?.email ?? null;
  return { id, name, email, captured: given === null && email !== null, phone, call, language };
}

function locationOf(content, id) {
  const location = content.locations.get(id);
  if (!location) return null;
  const { name, address, email, phone, call, zone } = location;
  return { id, name, address, email, phone, call, zone };
}

/** A state that is not on the device any more still has its code. */
function stateOf(content, code) {
  const { name = code, names = {}, state_kind: kind = 'planned' } = content.states.get(code) ?? {};
  return { code, name, names, kind };
}

function byTime(one, other) {
  const times = [one.scheduledAt ?? Infinity, other.scheduledAt ?? Infinity];
  if (times[0] !== times[1]) return times[0] < times[1] ? -1 : 1;
  return one.title.localeCompare(other.title) || (one.id < other.id ? -1 : 1);
}

function byId(things) {
  return new Map(things.filter(Boolean).map((thing) => [thing.id, thing]));
}
