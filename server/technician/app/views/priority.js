/** Priorities as dispatch writes them, in either language, in the reader's; others as written. */

import { _ } from './texts.js';

/** @type {Map<string, 'low' | 'normal' | 'high' | 'urgent'>} */
const LEVELS = new Map([
  ['basse', 'low'],
  ['low', 'low'],
  ['normal', 'normal'],
  ['normale', 'normal'],
  ['haute', 'high'],
  ['high', 'high'],
  ['urgent', 'urgent'],
  ['urgente', 'urgent'],
]);

/** @param {string} written */
export function levelOf(written) {
  return LEVELS.get(written.trim().toLowerCase());
}

/** @param {string} written */
export function priorityOf(written) {
  switch (levelOf(written)) {
    case 'low':
      return _('Low');
    case 'normal':
      return _('Normal');
    case 'high':
      return _('High');
    case 'urgent':
      return _('Urgent');
    default:
      return written;
  }
}
