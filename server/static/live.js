/**
 * Says when something of the account may have moved, by the event "retour:moved" of the document,
 * for as long as somebody looks; "retour:over" ends that, for who is signed out.
 *
 * All windows of a browser share one stream, for it has six lines to one server: the window that
 * holds the lock listens and tells the others. Where the browser lends no locks, as at an address
 * that begins with http, each window looks by itself from time to time.
 */

const NAME = "retour-console-live";
/** Milliseconds between two looks of a window that listens to nobody. */
const POLL = 20000;
/** Milliseconds until a stream that the server refused is tried again. */
const PATIENCE = 15000;

const channel = shares() ? new BroadcastChannel(NAME) : null;

/** Ends the part of this window. @type {AbortController | null} */
let attending = null;

function shares() {
  return "locks" in navigator && "BroadcastChannel" in window;
}

/** Follow while somebody looks: hidden windows leave the stream to those that are seen. */
function attend() {
  if (document.hidden) {
    rest();
  } else if (attending === null) {
    attending = new AbortController();
    follow(attending.signal);
    moved(); // what was missed until now
  }
}

function rest() {
  attending?.abort();
  attending = null;
}

function moved() {
  if (attending !== null) document.dispatchEvent(new Event("retour:moved"));
}

/** @param {AbortSignal} signal */
function follow(signal) {
  if (channel === null) {
    const timer = setInterval(moved, POLL);
    signal.addEventListener("abort", () => clearInterval(timer));
    return;
  }
  // It ends, too, when this window's turn has not come before it is hidden.
  navigator.locks.request(NAME, { signal }, () => listen(signal)).catch(() => null);
}

/**
 * Keep the stream of this browser.
 * @param {AbortSignal} signal
 * @returns {Promise<void>} when it is over
 */
function listen(signal) {
  return new Promise((resolve) => {
    /** @type {EventSource} */
    let line;
    /** @type {number | undefined} */
    let timer;
    const open = () => {
      line = new EventSource("/tasks/live");
      line.addEventListener("changed", () => {
        channel?.postMessage("moved");
        moved();
      });
      line.addEventListener("error", () => {
        if (line.readyState === EventSource.CLOSED) timer = setTimeout(open, PATIENCE);
      });
    };
    const end = () => {
      line?.close();
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    else open();
  });
}

channel?.addEventListener("message", moved);
document.addEventListener("visibilitychange", attend);
document.addEventListener("retour:over", rest);
// A page that the browser kept and shows again has missed what moved meanwhile.
window.addEventListener("pagehide", rest);
window.addEventListener("pageshow", attend);
attend();
