/** What the views read: tasks with their customer, their past and what is under way here. */

import { usableAddress } from './address.js';
import { askedAt } from './asks.js';
import { asked } from './database.js';
import { isOwn, stateAfter, stepsOf } from './fold.js';
import { KINDS, readMark } from './store.js';

const PENDING = ['held', 'waiting', 'parked'];

/**
 * @typedef {object} Content everything kept of a device, by id, read at one moment
 */

/** @param {import('./database.js').Database} store */
export async function readAll(store) {
  return store.read([...KINDS, 'outbox', 'mark'], async (tx) => {
    const all = (name) => asked(tx.objectStore(name).getAll());
    const [tasks, customers, locations, types, states, items, skew] = await Promise.all([
      ...KINDS.map(all),
      all('outbox'),
      readMark(tx, 'skew'),
    ]);
    return {
      tasks,
      customers: byId(customers),
      locations: byId(locations),
      types: byId(types),
      states: byId(states),
      items: items.sort((one, other) => one.sequence - other.sequence),
      skew,
    };
  });
}

/**
 * All tasks, the next one first.
 * @param {Awaited<ReturnType<typeof readAll>>} content
 * @param {string} me the technician's name
 */
export function tasksOf(content, me) {
  const mine = Map.groupBy(content.items, (item) => item.task);
  return content.tasks
    .map((task) => taskOf(content, task, mine.get(task.id) ?? [], me).summary)
    .sort(byTime);
}

/**
 * One task with all that its page shows; null where it is not on this device.
 * @param {Awaited<ReturnType<typeof readAll>>} content
 * @param {string} id
 * @param {string} me the technician's name
 */
export function pageOf(content, id, me) {
  const task = content.tasks.find((one) => one.id === id);
  if (!task) return null;
  const items = content.items.filter((item) => item.task === id);
  const { summary, steps } = taskOf(content, task, items, me);
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
 * Who is asked if the task enters `state` now.
 * @param {Awaited<ReturnType<typeof readAll>>} content
 * @param {string} id
 * @param {string} state
 * @param {string | null} email typed for the customer, not yet recorded
 */
export function asksOf(content, id, state, email) {
  const task = content.tasks.find((one) => one.id === id);
  if (!task) return [];
  const items = content.items.filter((item) => item.task === id);
  const { summary, steps } = taskOf(content, task, items, '');
  const customer = content.customers.get(task.customer);
  const mailboxes = {
    customer: summary.customer?.email || (summary.customer && email),
    location: summary.location?.email,
    contact: task.contact_email,
    billing: customer?.billing_email,
  };
  return askedAt(content.types.get(task.type)?.asks ?? [], state, steps, mailboxes);
}

function taskOf(content, task, items, me) {
  const steps = stepsOf(task, items, content.skew, me);
  const type = content.types.get(task.type);
  const customer = customerOf(content, task.customer);
  const summary = {
    id: task.id,
    title: task.title,
    number: task.external_id,
    typeName: (language) => named(type, language),
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

/** An address captured here shows at once, where the server has none. */
function customerOf(content, id) {
  const customer = content.customers.get(id);
  if (!customer) return null;
  const { name, phone, language } = customer;
  const captured = content.items.filter(
    (item) => item.customer === id && item.email !== null && isOwn(item),
  );
  const given = (customer.email ?? '').trim() || null;
  const email = given ?? captured[captured.length - 1]?.email ?? null;
  return { id, name, email, captured: given === null && email !== null, phone, language };
}

function locationOf(content, id) {
  const location = content.locations.get(id);
  if (!location) return null;
  const { name, address, email, phone, zone } = location;
  return { id, name, address, email, phone, zone };
}

/** A state that is not on the device any more still has its code. */
function stateOf(content, code) {
  const { name = code, names = {}, state_kind: kind = 'planned' } = content.states.get(code) ?? {};
  return { code, name, names, kind };
}

function named(thing, language) {
  const names = thing?.names ?? {};
  const short = language.slice(0, 2);
  return names[language] ?? names[language.replace('_', '-')] ?? names[short] ?? thing?.name ?? '';
}

function byTime(one, other) {
  const times = [one.scheduledAt ?? Infinity, other.scheduledAt ?? Infinity];
  if (times[0] !== times[1]) return times[0] < times[1] ? -1 : 1;
  return one.title.localeCompare(other.title) || (one.id < other.id ? -1 : 1);
}

function byId(things) {
  return new Map(things.map((thing) => [thing.id, thing]));
}
