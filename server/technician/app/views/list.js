/** The tasks of the coming days, in order of time. */

import { h } from './dom.js';
import { chip, marks } from './parts.js';
import { taskAt } from './routes.js';
import { _, ngettext } from './texts.js';
import { brief, clock, dayName, dayOf } from './times.js';

const OPEN = ['planned', 'active'];

/**
 * @import { TaskSummary } from '../engine/reading.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function list(shell) {
  const tasks = await shell.engine.tasks();
  const title = _('Tasks');
  if (!tasks.length) return { title, content: [nothing(shell)] };
  const open = tasks.filter((task) => OPEN.includes(task.state.kind));
  const today = dayOf(shell.now, shell.zone);
  const dated = open.flatMap((task) =>
    task.scheduledAt === null ? [] : [{ task, at: task.scheduledAt }],
  );
  const undated = open.filter((task) => task.scheduledAt === null);
  const days = Map.groupBy(dated, ({ at }) => dayOf(at, shell.zone));
  const overdue = tasksOf(dated.filter(({ at }) => dayOf(at, shell.zone) < today));
  const coming = [...days].filter(([day]) => day > today);
  return {
    title,
    content: [
      group(shell, dayName(shell.now, shell.zone, shell.now), tasksOf(days.get(today) ?? []), 'today'),
      overdue.length > 0 && group(shell, _('Overdue'), overdue, 'overdue'),
      ...coming.map(([day, ones]) =>
        group(shell, dayName(ones[0].at, shell.zone, shell.now), tasksOf(ones), day),
      ),
      group(shell, _('Without a date'), undated, 'undated'),
      finished(
        shell,
        tasks.filter((task) => !OPEN.includes(task.state.kind)),
      ),
    ],
  };
}

/** @param {{task: TaskSummary}[]} dated */
function tasksOf(dated) {
  return dated.map(({ task }) => task);
}

/** @param {Shell} shell */
function nothing({ engine }) {
  const words = engine.status.firstSync
    ? _('Your tasks will appear here as they arrive.')
    : _('No task for now. Those that dispatch gives you will appear here.');
  return h('p', { class: 'empty' }, words);
}

/**
 * @param {Shell} shell
 * @param {string} name
 * @param {TaskSummary[]} tasks
 * @param {string} key
 */
function group(shell, name, tasks, key) {
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
  return h(
    'details',
    { class: 'day', key: 'finished' },
    h('summary', { class: 'touch' }, words),
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
    task.customer && h('p', {}, task.customer.name),
    task.location && h('p', { class: 'hint' }, task.location.address || task.location.name),
    h('p', { class: 'marks' }, chip(task.state), ...marks(task)),
  );
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
