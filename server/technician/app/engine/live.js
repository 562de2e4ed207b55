/** Server-sent events that say "pull now", over fetch: an EventSource cannot name a credential. */

/** Milliseconds without a sign of life: the server gives one every 15 s. */
const SILENCE = 45_000;

/**
 * Listen until the stream ends.
 * @param {import('./wire.js').Wire} wire
 * @param {AbortSignal} signal
 * @param {() => void} opened
 * @param {() => void} moved told whenever there is something to pull
 * @throws {import('./errors.js').EngineError} it could not be opened
 */
export async function listen(wire, signal, opened, moved) {
  const silent = new AbortController();
  let watch = setTimeout(() => silent.abort(), SILENCE);
  try {
    const body = await wire.stream('/sync/live', AbortSignal.any([signal, silent.signal]));
    opened();
    const decoder = /** @type {ReadableWritablePair<string, Uint8Array>} */ (new TextDecoderStream());
    const reader = body.pipeThrough(decoder).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(() => silent.abort(), SILENCE);
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      if (lines.some((line) => line.trim() === 'event: pull')) moved();
    }
  } finally {
    clearTimeout(watch);
    silent.abort();
  }
}
