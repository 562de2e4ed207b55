/** The tasks of the coming days, in order of time. */

import { daysOf, isOpen } from './days.js';
import { h, icon } from './dom.js';
import { chip, fold, isSame, mark, marks } from './parts.js';
import { levelOf, priorityOf } from './priority.js';
import { taskAt } from './routes.js';
import { _, ngettext } from './texts.js';
import { brief, clock } from './times.js';

/**
 * @import { TaskSummary } from '../engine/reading.js'
 * @import { Day } from './days.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function list(shell) {
  const tasks = await shell.engine.tasks();
  const title = _('Tasks');
  if (!tasks.length) return { title, content: [nothing(shell)] };
  const done = tasks.filter((task) => !isOpen(task));
  return {
    title,
    content: [...daysOf(shell, tasks).map((day) => group(shell, day)), finished(shell, done)],
  };
}

/** @param {Shell} shell */
function nothing({ engine }) {
  const words = engine.status.firstSync
    ? _('Your tasks will appear here as they arrive.')
    : _('No task for now. Those that dispatch gives you will appear here.');
  return h('p', { class: 'empty' }, words);
}

/** @param {Shell} shell @param {Day} day */
function group(shell, { key, name, tasks }) {
  if (!tasks.length && key !== 'today') return null;
  const rows = tasks.map((task) => row(shell, task, key));
  return h(
    'section',
    { class: `day ${key}`, key },
    h('h2', {}, name),
    rows.length
      ? h('ul', { class: 'rows' }, ...rows)
      : h('p', { class: 'empty' }, _('No task today.')),
  );
}

/** @param {Shell} shell @param {TaskSummary[]} tasks */
function finished(shell, tasks) {
  if (!tasks.length) return null;
  const words = ngettext('{count} finished', '{count} finished', tasks.length);
  return fold(
    { class: 'day', key: 'finished' },
    words,
    h('ul', { class: 'rows' }, ...tasks.toReversed().map((task) => row(shell, task, 'finished'))),
  );
}

/** @param {Shell} shell @param {TaskSummary} task @param {string} key */
function row(shell, task, key) {
  return h(
    'li',
    { key: task.id },
    when(shell, task.scheduledAt, key),
    h('h3', {}, h('a', { href: taskAt(task.id) }, task.title)),
    ...where(task),
    h('p', { class: 'marks' }, chip(task.state), ...marks(task), urgency(task)),
    tags(task),
    dialled(task),
  );
}

/** @param {TaskSummary} task */
function where({ customer, location: place }) {
  const there = place && (place.address || (isSame(place.name, customer?.name) ? '' : place.name));
  return [customer && h('p', {}, customer.name), there && h('p', { class: 'hint' }, there)];
}

/** @param {TaskSummary} task */
function urgency({ priority }) {
  const level = priority && levelOf(priority);
  if (!priority || (level !== 'high' && level !== 'urgent')) return null;
  return mark('alert', level === 'urgent' ? 'negative' : 'caution', priorityOf(priority));
}

/** What dispatch wrote beside the title, its own kind of priority too. @param {TaskSummary} task */
function tags({ priority, tags: written }) {
  const all = priority && !levelOf(priority) ? [priority, ...written] : written;
  if (!all.length) return null;
  return h('p', { class: 'tags' }, ...all.map((tag) => h('span', { class: 'tag' }, tag)));
}

/** The number that is dialled, beside the task's own link. @param {TaskSummary} task */
function dialled({ customer, location: place }) {
  const called = [customer, place].find((thing) => thing?.call);
  if (!called?.call) return null;
  const name = _('Call {name}', { name: called.name });
  return h('a', { class: 'call', href: called.call, 'aria-label': name }, icon('phone'));
}

/** @param {Shell} shell @param {number | null} moment @param {string} key */
function when(shell, moment, key) {
  if (moment === null) return null;
  const words =
    key === 'overdue' || key === 'finished'
      ? brief(moment, shell.zone, shell.now)
      : clock(moment, shell.zone);
  return h('time', { datetime: new Date(moment).toISOString() }, words);
}
