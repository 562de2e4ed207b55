/** No survey this time, and why: where the account lets technicians choose so. */

import { h } from './dom.js';
import { fault, intoView } from './parts.js';
import { _ } from './texts.js';

/**
 * @import { Asked } from '../engine/asks.js'
 * @import { TaskPage } from '../engine/reading.js'
 * @import { Draft } from '../engine/store.js'
 * @import { FieldEvent } from './dom.js'
 * @import { Fault } from './parts.js'
 * @import { Shell } from './shell.js'
 */

/** @returns {Record<string, string>} */
function offered() {
  return {
    absent: _('Customer absent'),
    unfinished: _('Work to be resumed'),
    wish: _('The customer does not want one'),
    other: _('Another reason'),
  };
}

/** The reason as it is sent; empty where none was given. @param {Draft} draft */
export function whyOf(draft) {
  if (draft.why === 'other') return draft.reason.trim();
  return offered()[draft.why] ?? '';
}

/**
 * @param {Shell} shell
 * @param {{task: TaskPage, asks: Asked[], draft: Draft, faults: Fault[]}} form
 */
export function unticking(shell, { task, asks, draft, faults }) {
  const asking = asks.filter((ask) => !ask.already);
  const free = asking.filter((ask) => ask.mayUntick);
  if (!free.length) return null;
  const bound = asking.filter((ask) => !ask.mayUntick && !ask.unsure).map((ask) => ask.name);
  /** @param {Partial<Draft>} typed */
  const set = async (typed) => {
    const kept = shell.engine.keepDraft(task.id, typed);
    await Promise.all([kept, shell.refresh()]);
    intoView(shell.root.querySelector('.untick'));
  };
  return h(
    'div',
    { class: 'field card untick', key: 'untick' },
    h(
      'label',
      { class: 'choice' },
      h('input', {
        id: 'unticked',
        type: 'checkbox',
        checked: draft.unticked,
        onchange: (/** @type {FieldEvent} */ event) => set({ unticked: event.target.checked }),
      }),
      _('No survey for this visit'),
    ),
    bound.length > 0 &&
      h(
        'p',
        { class: 'hint' },
        _('{campaigns} asks all the same.', { campaigns: bound.join(', ') }),
      ),
    draft.unticked && reasons(draft, faults, set, shell.typing(task.id, 'reason')),
  );
}

/**
 * @param {Draft} draft
 * @param {Fault[]} faults
 * @param {(typed: Partial<Draft>) => unknown} set
 * @param {(event: FieldEvent) => unknown} oninput
 */
function reasons(draft, faults, set, oninput) {
  return h(
    'fieldset',
    { key: 'why' },
    h('legend', {}, _('Why?')),
    h('p', { class: 'hint' }, _('The reason is kept and counted.')),
    fault(faults, 'why'),
    ...Object.entries(offered()).map(([why, words], number) =>
      h(
        'label',
        { class: 'choice', key: why },
        h('input', {
          type: 'radio',
          name: 'why',
          id: number ? `why-${why}` : 'why',
          value: why,
          checked: draft.why === why,
          onchange: () => set({ why }),
        }),
        words,
      ),
    ),
    draft.why === 'other' && own(draft, oninput),
  );
}

/**
 * @param {Draft} draft
 * @param {(event: FieldEvent) => unknown} oninput
 */
function own(draft, oninput) {
  return h(
    'div',
    { class: 'field', key: 'own' },
    h('label', { for: 'reason' }, _('Your reason')),
    h('input', { id: 'reason', type: 'text', maxlength: 200, value: draft.reason, oninput }),
  );
}
