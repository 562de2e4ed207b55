/**
 * The list of tasks keeps itself up to date: what differs is put in place when `reread.js` has read
 * it again. Without this the page works as well.
 */

/** Milliseconds for which a changed row stays marked. */
const MARKED = 5000;

const found = /** @type {HTMLElement} */ (document.getElementById("found"));
const news = /** @type {HTMLElement} */ (document.getElementById("news"));
const filters = document.querySelector(".filters");

/** @returns {boolean} whether somebody is busy with the filters, whom nothing may disturb */
function busy() {
  return filters !== null && filters.contains(document.activeElement);
}

/** @param {Document} fresh the same page as it is now */
function show(fresh) {
  const other = fresh.getElementById("found");
  if (other === null) return;
  const before = rows(found);
  const after = rows(other);
  const changed = differing(before, after, isFull(found), isFull(other));
  keepingPlace(() => place(other, before, after));
  for (const key of changed) mark(rows(found).get(key));
  if (changed.length > 0) tell(changed.length);
  for (const part of [".opener", ".places"]) {
    swap(document.querySelector(part), fresh.querySelector(part));
  }
}

/**
 * @param {ParentNode} list
 * @returns {Map<string, HTMLElement>} its rows by the id of their task
 */
function rows(list) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("tr[data-task]"));
  return new Map([...all].map((row) => [row.dataset.task ?? "", row]));
}

/** @param {ParentNode} list @returns {boolean} whether more rows follow on another page */
function isFull(list) {
  return list.querySelector(".more [rel=next]") !== null;
}

/** @param {HTMLElement} row @returns {string} what it says; times as moments, which stand still */
function said(row) {
  const copy = /** @type {HTMLElement} */ (row.cloneNode(true));
  for (const time of copy.querySelectorAll("time")) time.textContent = time.dateTime;
  return (copy.textContent ?? "").replace(/\s+/g, " ");
}

/**
 * Tasks that say something else, came or left. Those that only moved over the end of a full page
 * did nothing of the kind.
 * @param {Map<string, HTMLElement>} before
 * @param {Map<string, HTMLElement>} after
 * @param {boolean} wasFull
 * @param {boolean} isNowFull
 * @returns {string[]} their ids
 */
function differing(before, after, wasFull, isNowFull) {
  const altered = [...after.keys()].filter((key) => {
    const row = before.get(key);
    return row !== undefined && said(row) !== said(/** @type {HTMLElement} */ (after.get(key)));
  });
  return [...altered, ...extra(after, before, wasFull), ...extra(before, after, isNowFull)];
}

/**
 * @param {Map<string, HTMLElement>} these
 * @param {Map<string, HTMLElement>} those
 * @param {boolean} cut whether the others are only the first of more
 * @returns {string[]} ids that only these have
 */
function extra(these, those, cut) {
  const keys = [...these.keys()];
  const last = cut ? keys.findLastIndex((key) => those.has(key)) : keys.length;
  return keys.filter((key, place) => !those.has(key) && place <= last);
}

/**
 * Put the fresh list in place; rows that say the same stay, with their times as they read now.
 * @param {HTMLElement} other
 * @param {Map<string, HTMLElement>} before
 * @param {Map<string, HTMLElement>} after
 */
function place(other, before, after) {
  for (const [key, row] of after) {
    const old = before.get(key);
    if (old === undefined) continue;
    if (old.innerHTML !== row.innerHTML) old.replaceChildren(...row.childNodes);
    row.replaceWith(old);
  }
  found.replaceChildren(...other.childNodes);
}

/**
 * Do `work` on the list and leave focus and the rows under the reader's eyes where they were.
 * @param {() => void} work
 */
function keepingPlace(work) {
  const focused = found.contains(document.activeElement) ? document.activeElement : null;
  const kept = /** @type {HTMLElement | null} */ (focused?.closest("tr[data-task]") ?? null);
  const seen = window.scrollY > 0 ? [...rows(found)].find(isInView) : undefined;
  const top = seen?.[1].getBoundingClientRect().top ?? 0;
  work();
  const now = rows(found);
  const holder = kept === null ? found.querySelector(".more") : now.get(kept.dataset.task ?? "");
  if (focused !== null) holder?.querySelector("a")?.focus({ preventScroll: true });
  const row = seen && now.get(seen[0]);
  if (row) window.scrollBy({ top: row.getBoundingClientRect().top - top, behavior: "instant" });
}

/** @param {[string, HTMLElement]} entry @returns {boolean} */
function isInView([, row]) {
  return row.getBoundingClientRect().bottom > 0;
}

/** @param {HTMLElement | undefined} row */
function mark(row) {
  if (row === undefined) return;
  row.classList.add("changed");
  setTimeout(() => row.classList.remove("changed"), MARKED);
}

/** @param {number} count say politely how many tasks changed */
function tell(count) {
  const form = new Intl.PluralRules(document.documentElement.lang).select(count);
  const words = (form === "one" ? news.dataset.one : news.dataset.other) ?? "";
  news.textContent = words.replace("{n}", String(count));
}

/** @param {Element | null} here @param {Element | null} fresh replaced unless it is in use */
function swap(here, fresh) {
  if (here === null || fresh === null || here.contains(document.activeElement)) return;
  if (here.innerHTML !== fresh.innerHTML) here.replaceChildren(...fresh.childNodes);
}

filters?.addEventListener("focusout", () => {
  setTimeout(() => document.dispatchEvent(new Event("retour:free")));
});
document.addEventListener("retour:reading", (event) => {
  if (busy()) event.preventDefault();
});
document.addEventListener("retour:fresh", (event) => {
  show(/** @type {CustomEvent<Document>} */ (event).detail);
});
