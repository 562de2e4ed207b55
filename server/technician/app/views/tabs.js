/** The ways to other pages, at the thumb. */

import { h, icon } from './dom.js';
import { ENROL, LIST, ME, QUEUE } from './routes.js';
import { _ } from './texts.js';

/**
 * @import { IconName } from './dom.js'
 * @import { Place } from './routes.js'
 * @import { Shell } from './shell.js'
 */

/** @param {Shell} shell */
export function tabs(shell) {
  if (!shell.engine.session) {
    return h(
      'nav',
      { class: 'tabs', 'aria-label': _('Pages') },
      tab(shell, ENROL, 'enrol', 'send', _('Enrol')),
      tab(shell, ME, 'me', 'person', _('Me')),
    );
  }
  return h(
    'nav',
    { class: 'tabs', 'aria-label': _('Pages') },
    tab(shell, LIST, 'list', 'list', _('Tasks')),
    tab(shell, QUEUE, 'queue', 'send', _('Queue')),
    tab(shell, ME, 'me', 'person', _('Me')),
  );
}

/**
 * @param {Shell} shell
 * @param {string} href
 * @param {Place['page']} page
 * @param {IconName} mark
 * @param {string} name
 */
function tab(shell, href, page, mark, name) {
  const current = shell.place.page === page ? 'page' : null;
  return h('a', { href, 'aria-current': current, key: page }, icon(mark), h('span', {}, name));
}
