/**
 * A click anywhere in a row of the list follows the link of its name, as the whole card does on a
 * phone. The name stays the link: without this, by keyboard and for screen readers nothing changes.
 */

const list = /** @type {HTMLElement} */ (document.getElementById("found"));

/**
 * @param {MouseEvent} click
 * @returns {HTMLAnchorElement | null} the link of the row that was clicked beside its own controls
 */
function linkOf(click) {
  const target = /** @type {Element} */ (click.target);
  if (click.defaultPrevented || target.closest("a, button, input, summary, label")) return null;
  return target.closest("tr")?.querySelector(".is-name a") ?? null;
}

/** @returns {boolean} whether the click ended the marking of some text */
function marks() {
  return getSelection()?.isCollapsed === false;
}

list.classList.add("leads");
list.addEventListener("click", (click) => {
  const link = linkOf(click);
  if (link === null || marks()) return;
  if (click.ctrlKey || click.metaKey || click.shiftKey) open(link.href, "_blank", "noopener");
  else link.click();
});
list.addEventListener("auxclick", (click) => {
  const link = click.button === 1 ? linkOf(click) : null;
  if (link !== null) open(link.href, "_blank", "noopener");
});
