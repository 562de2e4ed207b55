/** Going to a state: at once where nobody is asked, over its page where there is something to say. */

import { isOpen, taskAfter } from './days.js';
import { h } from './dom.js';
import { LIST, otherAt, stepAt, taskAt } from './routes.js';
import { _, named } from './texts.js';

/**
 * @import { StateShown, TaskPage } from '../engine/reading.js'
 * @import { StateKind } from '../engine/store.js'
 * @import { Shell } from './shell.js'
 */

/**
 * A button that leads a task into `state`.
 * @param {Shell} shell
 * @param {TaskPage} task
 * @param {StateShown} state
 * @param {string} look the classes of the button
 */
export function mover(shell, task, state, look) {
  return h(
    'button',
    {
      class: `button move ${look}`,
      type: 'button',
      key: state.code,
      disabled: shell.busy,
      onclick: () => move(shell, task, state),
    },
    h('b', {}, state.code),
    h('span', {}, named(state)),
  );
}

/**
 * One tap is enough unless somebody may be asked, or the task is called off.
 * @param {Shell} shell
 * @param {TaskPage} task
 * @param {StateShown} state
 */
async function move(shell, task, state) {
  const from = location.hash;
  const asks = await shell.engine.asks(task.id, state.code);
  if (asks.length || state.kind === 'cancelled') return shell.go(stepAt(task.id, state.code));
  const { note } = await shell.engine.draft(task.id);
  await shell.record({ task: task.id, state: state.code, note }, state);
  // Who has gone elsewhere meanwhile stays there.
  if (location.hash !== from) return shell.refresh();
  return shell.go(taskAt(task.id), { replace: true });
}

/** How far a task is in a state of each kind. @type {Record<StateKind, number>} */
const REACHED = { planned: 0, active: 1, done: 2, closed: 3, cancelled: 4 };

/**
 * Whether `next` undoes what was reached: a correction, or a visit that begins anew.
 * @param {StateShown} state
 * @param {StateShown} next
 */
export function isBack(state, next) {
  return REACHED[next.kind] < REACHED[state.kind];
}

/**
 * The end of the work where it may follow; once under way, never back to what was planned.
 * @param {StateShown} state
 * @param {StateShown[]} next
 */
function likeliest({ kind }, next) {
  /** @param {StateKind} wanted */
  const of = (wanted) => next.find((state) => state.kind === wanted);
  return of('done') ?? (kind === 'active' ? of('active') : null) ?? next[0];
}

/**
 * The dock of a task: what comes next, the likeliest first and filled, then all other states. Where
 * the work is over, that is the next task.
 * @param {Shell} shell
 * @param {TaskPage} task
 */
export async function nextSteps(shell, task) {
  const next = task.next.filter(
    (state) => state.kind !== 'cancelled' && !isBack(task.state, state),
  );
  const likely = isOpen(task) ? likeliest(task.state, next) : null;
  const rest = next.filter((state) => state !== likely);
  const elsewhere = task.history.some((step) => step.by)
    ? _('Other state or correction')
    : _('Another state');
  return h(
    'section',
    { class: 'moves', 'aria-label': _('Next state'), key: 'moves' },
    isOpen(task) ? null : await onwards(shell, task),
    likely && mover(shell, task, likely, 'likely'),
    ...rest.map((state, place) =>
      mover(
        shell,
        task,
        state,
        place % 2 === 0 && place === rest.length - 1 ? 'second alone' : 'second',
      ),
    ),
    h('a', { class: 'button second', href: otherAt(task.id), key: 'other' }, elsewhere),
  );
}

/** @param {Shell} shell @param {TaskPage} task */
async function onwards(shell, task) {
  const next = await taskAfter(shell, task);
  const [href, words, title] = next
    ? [taskAt(next.id), _('Next task'), next.title]
    : [LIST, _('To my tasks'), ''];
  return h(
    'a',
    { class: 'button move likely onwards', href, key: 'onwards' },
    h('span', {}, words),
    ' ',
    title && h('span', { class: 'title' }, title),
  );
}
