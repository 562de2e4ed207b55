/** Every state that a task may be given, usual or not: how one corrects a mis-tap, too. */

import { h } from './dom.js';
import { isBack, mover } from './moving.js';
import { back, chip } from './parts.js';
import { taskAt } from './routes.js';
import { gone } from './task.js';
import { _ } from './texts.js';

/**
 * @import { StateShown, TaskPage } from '../engine/reading.js'
 * @import { Page, Shell } from './shell.js'
 */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function other(shell) {
  const task = await shell.engine.task(shell.place.task ?? '');
  if (!task) return gone(shell);
  const earlier = task.next.filter((state) => isBack(task.state, state));
  const on = task.next.filter((state) => !isBack(task.state, state));
  return {
    title: _('Another state'),
    over: [back(taskAt(task.id), task.title)],
    content: [
      h('p', {}, chip(task.state), ' ', _('is the state now.')),
      h(
        'p',
        { class: 'hint' },
        _(
          'To correct a mistake, choose the right state: the wrong one stays in the history, ' +
            'the right one counts.',
        ),
      ),
      group(shell, task, _('Usual next states'), '', on),
      group(
        shell,
        task,
        _('Back to an earlier state'),
        _('Undoes nothing: the steps so far stay in the history.'),
        earlier,
      ),
      group(
        shell,
        task,
        _('All others'),
        _('Accepted as well, and marked as unusual for dispatch.'),
        task.other,
      ),
    ],
    dock: [],
  };
}

/**
 * @param {Shell} shell
 * @param {TaskPage} task
 * @param {string} name
 * @param {string} hint
 * @param {StateShown[]} states
 */
function group(shell, task, name, hint, states) {
  if (!states.length) return null;
  return h(
    'section',
    { class: 'states', key: name },
    h('h2', {}, name),
    hint && h('p', { class: 'hint' }, hint),
    ...states.map((state) => mover(shell, task, state, 'second')),
  );
}
