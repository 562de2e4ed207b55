/**
 * The list of follow-ups keeps itself up to date: when `live.js` says that something changed, the
 * page's own address is read again. A row in which somebody writes stays as it is. Without this
 * the page works as well.
 */

/** Milliseconds between two readings, however much changes. */
const GAP = 2000;

const found = /** @type {HTMLElement} */ (document.getElementById("found"));

/** Something changed since the last reading. */
let stale = false;
let reading = false;

async function refresh() {
  if (reading || !stale || document.hidden) return;
  reading = true;
  stale = false;
  try {
    await read();
  } catch {
    stale = true; // the network is away: the stream opens again with it, and says so
  }
  setTimeout(() => {
    reading = false;
    refresh();
  }, GAP);
}

async function read() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status === 401 || answer.status === 403) {
    // Signed out: what is shown stays until the page is read anew.
    document.dispatchEvent(new Event("retour:over"));
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  show(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

/** @param {Document} fresh the same page as it is now */
function show(fresh) {
  const other = fresh.getElementById("found");
  if (other === null) return;
  const focused = found.contains(document.activeElement) ? document.activeElement : null;
  const place = focused?.closest("[data-follow-up]")?.getAttribute("data-follow-up");
  if (keepsRowsInUse(other) && found.innerHTML !== other.innerHTML) {
    found.replaceChildren(...other.childNodes);
    if (focused?.isConnected) /** @type {HTMLElement} */ (focused).focus({ preventScroll: true });
    else if (place) row(found, place)?.querySelector("a")?.focus({ preventScroll: true });
  }
  for (const part of [".opener", ".places"]) {
    swap(document.querySelector(part), fresh.querySelector(part));
  }
}

/**
 * Put the rows in which somebody writes into the fresh list.
 * @param {HTMLElement} other
 * @returns {boolean} whether each has its place there; what is written must not vanish
 */
function keepsRowsInUse(other) {
  const used = [...found.querySelectorAll("[data-follow-up]:has(details[open])")];
  const places = used.map((old) => row(other, old.getAttribute("data-follow-up") ?? ""));
  if (places.includes(null)) return false;
  used.forEach((old, number) => places[number]?.replaceWith(old));
  return true;
}

/** @param {ParentNode} list @param {string} key @returns {Element | null} */
function row(list, key) {
  return list.querySelector(`[data-follow-up="${CSS.escape(key)}"]`);
}

/** @param {Element | null} here @param {Element | null} fresh replaced unless it is in use */
function swap(here, fresh) {
  if (here === null || fresh === null || here.contains(document.activeElement)) return;
  if (here.innerHTML !== fresh.innerHTML) here.replaceChildren(...fresh.childNodes);
}

document.addEventListener("retour:moved", () => {
  stale = true;
  refresh();
});
