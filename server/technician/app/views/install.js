/** The browser's offer to put the app on the home screen, kept until somebody wants it. */

/** @type {any} the browser's own question, where it has one */
let question = null;

/** Keep the offer when it comes. @param {() => void} refresh */
export function offerInstall(refresh) {
  addEventListener('beforeinstallprompt', (event) => {
    event.preventDefault();
    question = event;
    refresh();
  });
  addEventListener('appinstalled', () => {
    question = null;
    refresh();
  });
}

/** Whether the browser would ask. */
export function mayInstall() {
  return question !== null;
}

/** Have the browser ask; it does so once. */
export async function askToInstall() {
  await question?.prompt();
  question = null;
}
