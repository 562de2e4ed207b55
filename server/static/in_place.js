/**
 * The page of a task and the list of follow-ups keep themselves up to date: what differs is put in
 * place when `reread.js` has read the page again. What somebody types, has opened or stands on
 * stays. Without this the pages work as well.
 */

/** The parts of the page that follow what happens. */
const PARTS = [".opener", ".places", "main"];
/** Elements whose children are compared one by one; others are replaced if they differ. */
const CONTAINERS =
  "main, header, section, aside, article, div, dl, ol, details, table, tbody, tr, td.is-act";
/** What is left alone: messages about what was typed, and about what moved. */
const KEPT = "[role=alert], #news";

/** @param {Document} fresh the same page as it is now */
function show(fresh) {
  const before = stateOf(document);
  const focused = document.activeElement;
  for (const part of PARTS) {
    const here = document.querySelector(part);
    const there = fresh.querySelector(part);
    if (here !== null && there !== null) settle(here, there);
  }
  // An element that had to move has lost it.
  if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
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
  settleChildren(here, there);
}

/** @param {Element} here @param {Element} there */
function settleChildren(here, there) {
  const fresh = [...there.children];
  const partners = partnersOf([...here.children], fresh);
  const met = new Set(partners.values());
  for (const old of [...here.children]) if (!met.has(old)) drop(old);
  /** Before it stands what comes next. */
  let place = here.firstElementChild;
  for (const child of fresh) {
    while (place !== null && !met.has(place)) place = place.nextElementSibling;
    const partner = partners.get(child);
    if (partner !== undefined && partner === place) place = place.nextElementSibling;
    else here.insertBefore(partner ?? child, place);
    if (partner !== undefined) settle(partner, child);
  }
}

/**
 * Equal parts first: one that is new must not take the place of one that stays.
 * @param {Element[]} old
 * @param {Element[]} fresh
 * @returns {Map<Element, Element>} of fresh parts those that show the same already, or did before
 */
function partnersOf(old, fresh) {
  const free = new Set(old);
  /** @type {Map<Element, Element>} */
  const partners = new Map();
  for (const fits of [isEqual, isSamePart]) {
    for (const child of fresh.filter((one) => !partners.has(one))) {
      const partner = [...free].find((one) => fits(one, child));
      if (partner === undefined) continue;
      partners.set(child, partner);
      free.delete(partner);
    }
  }
  return partners;
}

/** @param {Element} one @param {Element} other @returns {boolean} */
function isEqual(one, other) {
  return one.isEqualNode(other);
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
  const heir = focused === null ? undefined : sameControl(focused, there);
  here.replaceWith(there);
  if (heir instanceof HTMLElement) heir.focus({ preventScroll: true });
}

/**
 * @param {Element} focused
 * @param {Element} fresh
 * @returns {Element | undefined} what does the same in `fresh`
 */
function sameControl(focused, fresh) {
  return [fresh, ...fresh.querySelectorAll("a, button, summary")].find(
    (one) => one.nodeName === focused.nodeName && aimOf(one) === aimOf(focused),
  );
}

/** @param {Element} control @returns {string | null | undefined} what tells it from others */
function aimOf(control) {
  // Where the next page begins moves with the rows above it.
  if (control.getAttribute("rel") === "next") return "next";
  return control.getAttribute("href") ?? control.closest("form")?.getAttribute("action");
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
