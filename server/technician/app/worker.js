/**
 * The service worker: keeps one version of the app whole, so that it starts without a network.
 *
 * The server puts `self.APP` in front of this: the version, and how the SHA-256 of each file of it
 * begins.
 * A version is installed with all its files or not at all; until then the one before serves.
 * Answers of the API never pass through here.
 */

import { pushWaiting } from './engine/background.js';

/**
 * @typedef {object} App what the server puts in front
 * @property {string} version
 * @property {Record<string, string>} files how the SHA-256 of each begins, by its path
 */

const worker = /** @type {ServiceWorkerGlobalScope & {APP: App}} */ (/** @type {unknown} */ (self));
const { version, files } = worker.APP;
const PREFIX = 'retour-app-';
const CACHE = PREFIX + version;
/** The next version starts once this one is not at work any more. */
const leaving = new AbortController();
const ROOT = new URL('./', worker.location.href);

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('message', (event) => {
  if (event.data === 'leave') leaving.abort();
  else event.waitUntil(takeOver(event.data));
});
worker.addEventListener('sync', (event) => {
  // Background Sync is no part of TypeScript's types: not all browsers have it.
  const sync = /** @type {ExtendableEvent} */ (event);
  sync.waitUntil(pushWaiting(() => Date.now(), leaving.signal));
});
worker.addEventListener('fetch', (event) => {
  const address = new URL(event.request.url);
  const ours = address.origin === ROOT.origin && address.pathname.startsWith(ROOT.pathname);
  if (ours && event.request.method === 'GET') event.respondWith(answer(event.request, address));
});

async function install() {
  try {
    const cache = await caches.open(CACHE);
    await Promise.all(Object.entries(files).map(([name, digest]) => keep(cache, name, digest)));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

/**
 * What the page has just loaded is taken as it is, if it is of this version.
 * @param {Cache} cache
 * @param {string} name
 * @param {string} digest
 */
async function keep(cache, name, digest) {
  const address = new URL(name, ROOT);
  let response = await load(address, 'force-cache', digest);
  response ??= await load(address, 'reload', digest);
  // A server in the middle of an update may give another version's file: then all waits.
  if (!response) throw new Error(`${name}: of another version`);
  await cache.put(address, response);
}

/**
 * @param {URL} address
 * @param {RequestCache} cache
 * @param {string} digest
 */
async function load(address, cache, digest) {
  const response = await fetch(address, { cache, credentials: 'omit' });
  if (!response.ok || response.redirected) return null;
  const content = await response.arrayBuffer();
  if (!(await hashOf(content)).startsWith(digest)) return null;
  const headers = new Headers(response.headers);
  headers.delete('content-encoding');
  headers.delete('content-length');
  return new Response(content, { headers });
}

/** @param {ArrayBuffer} content */
async function hashOf(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function activate() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

/**
 * At its start a page may ask for the newer version, unless another one is at work with the old.
 * @param {'start' | 'now'} when
 */
async function takeOver(when) {
  const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (when === 'now' || (when === 'start' && pages.length <= 1)) await worker.skipWaiting();
}

/** @param {Request} request @param {URL} address */
async function answer(request, address) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address.origin + address.pathname);
  if (kept) return kept;
  if (request.mode === 'navigate') return (await cache.match(ROOT)) ?? fetch(request);
  return fetch(request);
}
