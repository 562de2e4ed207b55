/** The tasks of the coming days, in order of time. */

import { h } from './dom.js';
import { chip, marks } from './parts.js';
import { taskAt } from './routes.js';
import { _, ngettext } from './texts.js';
import { brief, clock, dayName, dayOf } from './times.js';

const OPEN = ['planned', 'active'];

/** @param {import('./shell.js').Shell} shell @returns {Promise<import('./shell.js').Page>} */
export async function list(shell) {
  const tasks = await shell.engine.tasks();
  const title = _('Tasks');
  if (!tasks.length) return { title, content: [nothing(shell)] };
  const open = tasks.filter((task) => OPEN.includes(task.state.kind));
  const today = dayOf(shell.now, shell.zone);
  const dated = open.filter((task) => task.scheduledAt !== null);
  const undated = open.filter((task) => task.scheduledAt === null);
  const days = Map.groupBy(dated, (task) => dayOf(task.scheduledAt, shell.zone));
  const overdue = dated.filter((task) => dayOf(task.scheduledAt, shell.zone) < today);
  const coming = [...days].filter(([day]) => day > today);
  return {
    title,
    content: [
      group(shell, dayName(shell.now, shell.zone, shell.now), days.get(today) ?? [], 'today'),
      overdue.length > 0 && group(shell, _('Overdue'), overdue, 'overdue'),
      ...coming.map(([day, ones]) =>
        group(shell, dayName(ones[0].scheduledAt, shell.zone, shell.now), ones, day),
      ),
      group(shell, _('Without a date'), undated, 'undated'),
      finished(
        shell,
        tasks.filter((task) => !OPEN.includes(task.state.kind)),
      ),
    ].filter(Boolean),
  };
}

function nothing({ engine }) {
  const words = engine.status.firstSync
    ? _('Your tasks will appear here as they arrive.')
    : _('No task for now. Those that dispatch gives you will appear here.');
  return h('p', { class: 'empty' }, words);
}

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

function when(shell, moment, key) {
  if (moment === null) return null;
  const words =
    key === 'overdue' || key === 'finished'
      ? brief(moment, shell.zone, shell.now)
      : clock(moment, shell.zone);
  return h('time', { datetime: new Date(moment).toISOString() }, words);
}
