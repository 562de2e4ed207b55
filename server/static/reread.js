/**
 * Reads the page again when `live.js` says that something moved, and gives what it is now to
 * whoever shows it, by the event "retour:fresh" of the document. Before, "retour:reading" asks
 * whether somebody is busy: who prevents it says "retour:free" later.
 */

/** Milliseconds between two readings, however much moves. */
const GAP = 2000;

/** The page's own address: that of a form that was sent cannot be read. */
const own = /** @type {HTMLLinkElement | null} */ (document.querySelector("link[rel=canonical]"));

/** Something moved since the last reading. */
let stale = false;
let reading = false;

/** @returns {boolean} whether nobody is busy, whom nothing may disturb */
function free() {
  return document.dispatchEvent(new Event("retour:reading", { cancelable: true }));
}

/** Read the page again, unless that goes on already or has to wait. */
async function refresh() {
  if (reading || !stale || document.hidden || !free()) return;
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
  const address = (own?.href ?? location.origin + location.pathname) + location.search;
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.redirected || answer.status === 401 || answer.status === 403) {
    // Signed out: what is shown stays until the page is read anew.
    document.dispatchEvent(new Event("retour:over"));
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (free()) {
    document.dispatchEvent(new CustomEvent("retour:fresh", { detail: fresh }));
  } else {
    stale = true;
  }
}

document.addEventListener("retour:free", refresh);
document.addEventListener("retour:moved", () => {
  stale = true;
  refresh();
});
