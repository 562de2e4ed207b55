/**
 * Tells of a rating that is chosen and not sent when the reader leaves, once a person touched the
 * page: mail scanners open links, and some run scripts.
 */

const form = /** @type {HTMLFormElement} */ (document.querySelector("form[data-unsent]"));
let touched = false;
let told = "";

/** @param {Event} event */
function touch(event) {
  touched ||= event.isTrusted;
}

function tell() {
  const rating = String(new FormData(form).get("rating") ?? "");
  if (!touched || !rating || rating === told) return;
  told = rating;
  navigator.sendBeacon(form.dataset.unsent ?? "", new URLSearchParams({ rating }));
}

for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, touch, { capture: true });
form.addEventListener("submit", () => {
  touched = false;
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") tell();
});
addEventListener("pagehide", tell);
