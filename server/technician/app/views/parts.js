/** Pieces of several pages. */

import { h, icon } from './dom.js';
import { _, named, ngettext } from './texts.js';

/** A state as code and label. @param {{code: string, name: string, names: any, kind: string}} state */
export function chip(state) {
  return h('span', { class: `chip ${state.kind}` }, h('b', {}, state.code), ' ', named(state));
}

/** A mark with its word. */
export function mark(name, tone, words) {
  return h('span', { class: `mark ${tone}` }, icon(name), words);
}

/** What a task has waiting or refused, and whether it is anybody's. */
export function marks(task) {
  return [
    task.pending > 0 &&
      mark('clock', 'caution', ngettext('{count} waits', '{count} wait', task.pending)),
    task.refused > 0 &&
      mark('alert', 'negative', ngettext('{count} refused', '{count} refused', task.refused)),
    task.pool && mark('people', 'neutral', _('Open to all')),
  ].filter(Boolean);
}

/** Whose an address is. */
export function owner(whose) {
  const words = {
    customer: _('the customer’s address'),
    location: _('the address of the place'),
    contact: _('the address of the task’s contact'),
    billing: _('the billing address'),
  };
  return words[whose] ?? '';
}

/** The way back, above a title. */
export function back(href, words) {
  return h('a', { class: 'back touch', href }, icon('back'), words);
}

/** What is wrong with a field, beside it. */
export function fault(faults, field) {
  const found = faults.find((one) => one.field === field);
  return found ? h('p', { class: 'wrong', id: `${field}-fault`, key: 'fault' }, found.text) : null;
}
