/** The technician app starts: what is kept here is opened, then shown. */

import { openEngine } from './engine/engine.js';
import { Shell } from './views/shell.js';
import { _, speak } from './views/texts.js';

async function start() {
  const place = /** @type {HTMLElement} */ (document.getElementById('app'));
  try {
    const engine = await openEngine();
    await speak(engine.session?.language);
    await new Shell(engine, place).start();
  } catch (error) {
    console.error(error);
    await speak();
    place.textContent = _(
      'Retour cannot keep anything in this browser, so it would lose your work. Leave private browsing or free some space, then open it again.',
    );
    place.className = 'starting';
  }
}

start();
