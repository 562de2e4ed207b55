/**
 * The page of a code looks by itself whether a device used it, and says so. Without this the page
 * says it when it is read again.
 */

/** Milliseconds between two looks, for as long as somebody looks and the code may be used. */
const EVERY = 3000;

const code = /** @type {HTMLElement} */ (document.getElementById("code"));

async function look() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status < 500 && !answer.ok) return; // signed out: it stays as it is
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("code");
  if (fresh !== null && fresh.dataset.state !== code.dataset.state) {
    code.dataset.state = fresh.dataset.state;
    code.replaceChildren(...fresh.childNodes);
  }
  follow();
}

function follow() {
  if (code.dataset.state !== "waiting") return;
  setTimeout(() => (document.hidden ? follow() : look().catch(follow)), EVERY);
}

follow();
