/**
 * The page of a code looks by itself whether a device used it, and says so for as long as somebody
 * is signed in. Without this the page says it when it is read again.
 */

/** Milliseconds between two looks, for as long as somebody looks and the code may be used. */
const EVERY = 3000;

const code = /** @type {HTMLElement} */ (document.getElementById("code"));
const news = document.getElementById("news");
/** What the page says where nothing looks. */
const reload = news?.textContent ?? "";

async function look() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status === 401) {
    signedOut();
    return;
  }
  if (answer.status < 500 && !answer.ok) {
    say(reload);
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("code");
  if (fresh !== null && fresh.dataset.state !== code.dataset.state) {
    code.dataset.state = fresh.dataset.state;
    code.replaceChildren(...fresh.childNodes);
  }
  follow();
}

/** @param {string} text how one learns that the device is enrolled */
function say(text) {
  if (news !== null) news.textContent = text;
}

function signedOut() {
  news?.remove();
  document.getElementById("over")?.removeAttribute("hidden");
}

function follow() {
  if (code.dataset.state !== "waiting") return;
  setTimeout(() => (document.hidden ? follow() : look().catch(follow)), EVERY);
}

say(news?.dataset.text ?? reload);
follow();
