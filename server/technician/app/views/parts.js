/** Pieces of several pages. */

import { h, icon } from './dom.js';
import { _, named, ngettext } from './texts.js';

/**
 * @import { Whose } from '../engine/asks.js'
 * @import { StateShown, TaskSummary } from '../engine/reading.js'
 * @import { Child, IconName } from './dom.js'
 *
 * @typedef {'positive' | 'neutral' | 'caution' | 'negative'} Tone
 * @typedef {{field: string, text: string}} Fault what is wrong with a field
 */

/** A state as code and label. @param {StateShown} state */
export function chip(state) {
  return h('span', { class: `chip ${state.kind}` }, h('b', {}, state.code), ' ', named(state));
}

/**
 * A mark with its word.
 * @param {IconName} name
 * @param {Tone} tone
 * @param {string} words
 */
export function mark(name, tone, words) {
  return h('span', { class: `mark ${tone}` }, icon(name), words);
}

/**
 * What a task has waiting or refused, and whether it is anybody's.
 * @param {TaskSummary} task
 * @returns {Child[]}
 */
export function marks(task) {
  return [
    task.pending > 0 &&
      mark('clock', 'caution', ngettext('{count} waits', '{count} wait', task.pending)),
    task.refused > 0 &&
      mark('alert', 'negative', ngettext('{count} refused', '{count} refused', task.refused)),
    task.pool && mark('people', 'neutral', _('Open to all')),
  ];
}

/** Whose an address is. @param {Whose | null} whose */
export function owner(whose) {
  if (whose === null) return '';
  const words = {
    customer: _('the customer’s address'),
    location: _('the address of the place'),
    contact: _('the address of the task’s contact'),
    billing: _('the billing address'),
  };
  return words[whose];
}

/**
 * Whether two names would be read as one said twice.
 * @param {string} name
 * @param {string | undefined} other
 */
export function isSame(name, other) {
  const plain = (/** @type {string} */ text) => text.trim().toLocaleLowerCase();
  return other !== undefined && plain(name) === plain(other);
}

/** The way back, above a title. @param {string} href @param {string} words */
export function back(href, words) {
  return h('a', { class: 'back touch', href }, icon('back'), words);
}

/**
 * Bring what just opened into view: at the end of a page it would stand under the dock.
 * @param {Element | null} [opened]
 */
export function intoView(opened) {
  opened?.scrollIntoView({ block: 'nearest' });
}

/**
 * What unfolds below its summary, into view.
 * @param {Record<string, any>} props
 * @param {Child} summary
 * @param {...Child} children
 */
export function fold(props, summary, ...children) {
  const onclick = (/** @type {Event} */ { currentTarget }) => {
    const folded = /** @type {Element} */ (currentTarget).parentElement;
    requestAnimationFrame(() => intoView(folded));
  };
  return h('details', props, h('summary', { class: 'touch', onclick }, summary), ...children);
}

/** What is wrong with a field, beside it. @param {Fault[]} faults @param {string} field */
export function fault(faults, field) {
  const found = faults.find((one) => one.field === field);
  return found ? h('p', { class: 'wrong', id: `${field}-fault`, key: 'fault' }, found.text) : null;
}
