/** The technician app starts: what is kept here is opened, then shown; then the app itself is kept. */

import { openEngine } from './engine/engine.js';
import { codeOf } from './engine/errors.js';
import { h } from './views/dom.js';
import { Shell } from './views/shell.js';
import { _, speak } from './views/texts.js';

async function start() {
  const place = /** @type {HTMLElement} */ (document.getElementById('app'));
  const engine = await opened().catch((error) => refused(error, place));
  if (!engine) return;
  const shell = new Shell(engine, place);
  await shell.start();
  await shell.loadRest();
  await engine.install();
}

/** Most phones speak the language of who holds them: the texts need not wait for the rest. */
async function opened() {
  const [engine] = await Promise.all([openEngine(), speak()]);
  if (engine.session) await speak(engine.session.language);
  return engine;
}

/**
 * The page says in both languages that nothing has opened; here is why, where that is known.
 * @param {unknown} error
 * @param {HTMLElement} place
 */
function refused(error, place) {
  console.error(error);
  document.documentElement.classList.add('failed');
  if (codeOf(error) === 'incomplete') return;
  const words = _(
    'Retour cannot keep anything in this browser, so it would lose your work. Leave private browsing or free some space, then open it again.',
  );
  place.querySelector('h1')?.after(h('p', { class: 'notice error', role: 'alert' }, words));
}

start();
