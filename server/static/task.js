/**
 * The page of a task keeps itself up to date: what differs is put in place when `reread.js` has
 * read it again. What somebody types, has opened or stands on stays. Without this the page works
 * as well.
 */

/** The parts of the page that follow what happens. */
const PARTS = [".opener", ".places", "main"];
/** Elements whose children are compared one by one; others are replaced if they differ. */
const CONTAINERS = "main, header, section, aside, article, div, dl, ol, details";
/** What is left alone: messages about what was typed, and about what moved. */
const KEPT = "[role=alert], #news";

/** @param {Document} fresh the same page as it is now */
function show(fresh) {
  const before = stateOf(document);
  for (const part of PARTS) {
    const here = document.querySelector(part);
    const there = fresh.querySelector(part);
    if (here !== null && there !== null) settle(here, there);
  }
  const now = stateOf(document);
  if (now !== before) tell(now);
}

/** @param {Document} page @returns {string} the task's state */
function stateOf(page) {
  return page.querySelector(".name .chip")?.textContent?.trim() ?? "";
}

/**
 * Make an element say what another one says; its parts that do so already stay.
 * @param {Element} here
 * @param {Element} there
 */
function settle(here, there) {
  if (here.isEqualNode(there) || isInUse(here)) return;
  if (!here.matches(CONTAINERS)) {
    replace(here, there);
    return;
  }
  copyAttributes(here, there);
  /** What stood here and has not been met yet. */
  const old = [...here.children];
  for (const child of [...there.children]) {
    const equal = old.findIndex((one) => one.isEqualNode(child));
    const place = equal === -1 ? old.findIndex((one) => isSamePart(one, child)) : equal;
    if (place === -1) {
      here.insertBefore(child, old[0] ?? null);
      continue;
    }
    for (const gone of old.splice(0, place)) drop(gone);
    const met = /** @type {Element} */ (old.shift());
    if (equal === -1) settle(met, child);
  }
  for (const gone of old) drop(gone);
}

/**
 * @param {Element} one
 * @param {Element} other
 * @returns {boolean} whether both are one part of the page at two times
 */
function isSamePart(one, other) {
  // Not by properties: of a form they are its fields of these names.
  const same = ["id", "class"].every((name) => one.getAttribute(name) === other.getAttribute(name));
  return same && one.nodeName === other.nodeName;
}

/** @param {Element} element removed unless somebody needs it */
function drop(element) {
  const parts = [element, ...element.querySelectorAll(`form, ${KEPT}`)];
  if (!parts.some(isInUse)) element.remove();
}

/** @param {Element} here @param {Element} there takes its place, and the focus inside it */
function replace(here, there) {
  const focused = here.contains(document.activeElement) ? document.activeElement : null;
  const heir = [there, ...there.querySelectorAll("a, button, summary")].find(
    (one) => one.nodeName === focused?.nodeName && hrefOf(one) === hrefOf(focused),
  );
  here.replaceWith(there);
  if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
}

/** @param {Element | null} element @returns {string | null | undefined} */
function hrefOf(element) {
  return element?.getAttribute("href");
}

/** @param {Element} here @param {Element} there what is open stays open */
function copyAttributes(here, there) {
  for (const { name } of [...here.attributes]) {
    if (name !== "open" && !there.hasAttribute(name)) here.removeAttribute(name);
  }
  for (const { name, value } of [...there.attributes]) {
    if (name !== "open" && here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
}

/** @param {Element} element @returns {boolean} whether it is needed as it stands */
function isInUse(element) {
  if (!(element instanceof HTMLFormElement)) return element.matches(KEPT);
  const isOpen = element.closest("details")?.open ?? false;
  return isOpen || element.contains(document.activeElement) || isFilledIn(element);
}

/** @param {HTMLFormElement} form @returns {boolean} whether it says something else than at first */
function isFilledIn(form) {
  return [...form.elements].some((field) => {
    if (field instanceof HTMLSelectElement) {
      const first = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(first, 0);
    }
    if (field instanceof HTMLTextAreaElement) return field.value !== field.defaultValue;
    if (!(field instanceof HTMLInputElement)) return false;
    return field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  });
}

/** @param {string} state say politely what the task came to meanwhile */
function tell(state) {
  const news = document.getElementById("news");
  if (news !== null) news.textContent = (news.dataset.text ?? "").replace("{state}", () => state);
}

document.addEventListener("retour:fresh", (event) => {
  show(/** @type {CustomEvent<Document>} */ (event).detail);
});
