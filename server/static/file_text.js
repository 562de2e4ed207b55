/** Lets a file be chosen in place of pasting its lines: UTF-8, else Windows-1252. */

const field = /** @type {HTMLElement} */ (document.querySelector("[data-file]"));
const chosen = /** @type {HTMLInputElement} */ (document.querySelector("#file"));
const lines = /** @type {HTMLTextAreaElement} */ (document.querySelector("#text"));

/**
 * @param {ArrayBuffer} bytes
 * @returns {string}
 */
function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

if (field) {
  field.hidden = false;
  chosen.addEventListener("change", async () => {
    const [file] = chosen.files ?? [];
    if (file) lines.value = textOf(await file.arrayBuffer());
  });
}
