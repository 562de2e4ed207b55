/** Who is at work on this device, in which language; sign out; is the work safe here. */

import { h } from './dom.js';
import { askToInstall, mayInstall } from './install.js';
import { intoView } from './parts.js';
import { ENROL } from './routes.js';
import { _, choose, language, ngettext } from './texts.js';

/**
 * @import { Session, Status } from '../engine/engine.js'
 * @import { Page, Shell } from './shell.js'
 */

let asking = false;

/** @param {Shell} shell @returns {Promise<Page>} */
export async function me(shell) {
  const { session, status } = shell.engine;
  return {
    title: _('Me'),
    content: [
      session && who(session),
      languages(shell),
      ...(isSecureContext ? [session && keeping(status), installed()] : []),
      session && leaving(shell),
    ],
  };
}

/** @param {Session} session */
function who({ name, account, deviceName }) {
  return h(
    'dl',
    { class: 'facts', key: 'who' },
    fact(_('Name'), name || '…'),
    fact(_('Account'), account || '…'),
    fact(_('Device'), deviceName),
  );
}

/** @param {string} name @param {string} said */
function fact(name, said) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, said));
}

/** @param {Shell} shell */
function languages(shell) {
  /** @param {'fr' | 'en'} code @param {string} name */
  const option = (code, name) =>
    h(
      'label',
      { class: 'choice', lang: `${code}-CA` },
      h('input', {
        type: 'radio',
        name: 'language',
        value: code,
        checked: language === code,
        onchange: async () => {
          await choose(code);
          await shell.refresh();
        },
      }),
      name,
    );
  return h(
    'fieldset',
    { class: 'card', key: 'language' },
    h('legend', {}, _('Language')),
    option('fr', 'Français'),
    option('en', 'English'),
  );
}

/** @param {Status} status */
function keeping({ persisted }) {
  const words = persisted
    ? _('This browser has promised to keep your work until it is sent.')
    : _(
        'This browser may clear what is not sent if space runs out, or if the app is not opened ' +
          'for a week. Install the app to be safe.',
      );
  return h(
    'section',
    { class: 'card', key: 'keeping' },
    h('h2', {}, persisted ? _('Your work is safe here') : _('Keep your work safe')),
    h('p', {}, words),
  );
}

function installed() {
  if (matchMedia('(display-mode: standalone)').matches) return null;
  return h(
    'section',
    { class: 'card', key: 'install' },
    h('h2', {}, _('On the home screen')),
    mayInstall()
      ? h(
          'button',
          { class: 'button second', type: 'button', onclick: askToInstall },
          _('Install the app'),
        )
      : h(
          'p',
          {},
          _(
            'In the browser’s menu choose “Add to Home Screen”: ' +
              'the app then opens like any other.',
          ),
        ),
  );
}

/** Asks once, and says what stays. @param {Shell} shell */
function leaving(shell) {
  const { status } = shell.engine;
  const waiting = status.waiting + status.held + status.unread;
  /** @param {boolean} wanted */
  const ask = (wanted) => async () => {
    asking = wanted;
    await shell.refresh();
    const next = /** @type {HTMLElement | null} */ (shell.root.querySelector('.leaving'));
    next?.focus({ preventScroll: true });
    intoView(next);
  };
  if (!asking) {
    const first = { class: 'button second wide leaving', type: 'button', key: 'leave' };
    return h('button', { ...first, onclick: ask(true) }, _('Sign out'));
  }
  const stays = waiting
    ? ngettext(
        '{count} step waits. It stays here and is sent when you sign in again.',
        '{count} steps wait. They stay here and are sent when you sign in again.',
        waiting,
      )
    : _('Nothing waits: all that you did is sent.');
  return h(
    'section',
    {
      class: 'notice caution leaving',
      key: 'leaving',
      tabindex: -1,
      'aria-label': _('Sign out'),
    },
    h('p', {}, h('b', {}, _('Sign out of this device?'))),
    h('p', {}, stays),
    !waiting &&
      status.drafts > 0 &&
      h('p', {}, _('What you typed and did not record is deleted.')),
    h(
      'p',
      {},
      status.problem === 'signed_out'
        ? _('To come back you need a new code from dispatch.')
        : _('To come back you need a new code from dispatch, unless something still waits here.'),
    ),
    choice('button wide', () => leave(shell), _('Sign out')),
    choice('button second wide', ask(false), _('Stay signed in')),
  );
}

/**
 * @param {string} looks
 * @param {() => unknown} onclick
 * @param {string} words
 */
function choice(looks, onclick, words) {
  return h('button', { class: looks, type: 'button', onclick }, words);
}

/** @param {Shell} shell */
async function leave(shell) {
  asking = false;
  await shell.engine.signOut();
  await shell.go(ENROL);
}
