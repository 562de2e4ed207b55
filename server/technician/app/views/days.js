/** The open tasks by day, in the order in which one does them. */

import { _ } from './texts.js';
import { dayName, dayOf } from './times.js';

const OPEN = ['planned', 'active'];

/**
 * @import { TaskSummary } from '../engine/reading.js'
 * @import { Shell } from './shell.js'
 *
 * @typedef {object} Day
 * @property {string} key its date, or 'today', 'overdue', 'undated'
 * @property {string} name
 * @property {TaskSummary[]} tasks in order of time
 */

/** @param {TaskSummary} task */
export function isOpen(task) {
  return OPEN.includes(task.state.kind);
}

/**
 * Today, though nothing were to be done, what should be done by now, the coming days, and the rest.
 * @param {Shell} shell
 * @param {TaskSummary[]} tasks in order of time
 * @returns {Day[]}
 */
export function daysOf({ now, zone }, tasks) {
  const today = dayOf(now, zone);
  const days = Map.groupBy(tasks.filter(isOpen), ({ scheduledAt }) => {
    if (scheduledAt === null) return 'undated';
    const day = dayOf(scheduledAt, zone);
    return day < today ? 'overdue' : day;
  });
  const { [today]: due = [], overdue = [], undated = [], ...coming } = Object.fromEntries(days);
  return [
    { key: 'today', name: dayName(now, zone, now), tasks: due },
    { key: 'overdue', name: _('Overdue'), tasks: overdue },
    ...Object.entries(coming).map(([key, tasks]) => ({
      key,
      name: dayName(tasks[0].scheduledAt ?? now, zone, now),
      tasks,
    })),
    { key: 'undated', name: _('Without a date'), tasks: undated },
  ];
}

/**
 * What is to be done after `task`; undefined where nothing is.
 * @param {Shell} shell
 * @param {{id: string}} task
 */
export async function taskAfter(shell, task) {
  const days = daysOf(shell, await shell.engine.tasks());
  return days.flatMap(({ tasks }) => tasks).find(({ id }) => id !== task.id);
}
