/** What happened to a task: by whom, when, with which note. */

import { h } from './dom.js';
import { chip, mark } from './parts.js';
import { _ } from './texts.js';
import { brief, full } from './times.js';

/**
 * @import { StepShown, TaskPage } from '../engine/reading.js'
 * @import { Shell } from './shell.js'
 */

/** @param {Shell} shell @param {TaskPage} task */
export function history(shell, task) {
  if (!task.history.length) return null;
  return h(
    'section',
    { class: 'card', key: 'history' },
    h('h2', {}, _('History')),
    h('ol', { class: 'steps' }, ...task.history.toReversed().map((step) => stepOf(shell, step))),
  );
}

/** @param {Shell} shell @param {StepShown} step */
function stepOf(shell, step) {
  const { zone, now } = shell;
  return h(
    'li',
    { key: step.id, class: step.mine === 'refused' ? 'void' : null },
    h('p', { class: 'marks' }, chip(step.state), standing(step.mine)),
    h(
      'p',
      { class: 'hint' },
      h(
        'time',
        { datetime: new Date(step.moment).toISOString(), title: full(step.moment, zone) },
        brief(step.moment, zone, now),
      ),
      step.by && ` · ${step.by}`,
      step.survey === false && ` · ${_('no survey')}`,
    ),
    step.note && h('p', {}, step.note),
  );
}

/** @param {StepShown['mine']} mine */
function standing(mine) {
  switch (mine) {
    case 'held':
    case 'waiting':
      return mark('clock', 'caution', _('waits'));
    case 'parked':
      return mark('clock', 'caution', _('set aside'));
    case 'refused':
      return mark('alert', 'negative', _('refused'));
    default:
      return null;
  }
}
