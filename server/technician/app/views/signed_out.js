/** In the place of tasks where the device is not enrolled any more: they are not here either. */

import { h } from './dom.js';
import { QUEUE } from './routes.js';
import { _ } from './texts.js';

/** @import { Page, Shell } from './shell.js' */

/** @param {Shell} shell @returns {Promise<Page>} */
export async function signedOut(shell) {
  const { waiting, held, unread } = shell.engine.status;
  return {
    title: _('Your tasks are no longer here'),
    content: [
      h(
        'p',
        {},
        _(
          'They were removed with their customers and addresses when this device stopped being ' +
            'enrolled.',
        ),
      ),
      waiting + held + unread > 0 &&
        h('a', { class: 'button second wide', href: QUEUE }, _('Open the queue')),
    ],
  };
}
