/**
 * The service worker: keeps one version of the app whole, so that it starts without a network.
 *
 * The server puts `self.APP` in front of this: the version, and how the SHA-256 of each file of it
 * begins.
 * A version is installed with all its files or not at all; until then the one before serves.
 * Answers of the API never pass through here.
 */

import { pushWaiting } from './engine/background.js';

const { version, files } = self.APP;
const PREFIX = 'retour-app-';
const CACHE = PREFIX + version;
const ROOT = new URL('./', self.location.href);

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('message', (event) => event.waitUntil(takeOver(event.data)));
self.addEventListener('sync', (event) => event.waitUntil(pushWaiting(() => Date.now())));
self.addEventListener('fetch', (event) => {
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

/** What the page has just loaded is taken as it is, if it is of this version. */
async function keep(cache, name, digest) {
  const address = new URL(name, ROOT);
  let response = await load(address, 'force-cache', digest);
  response ??= await load(address, 'reload', digest);
  // A server in the middle of an update may give another version's file: then all waits.
  if (!response) throw new Error(`${name}: of another version`);
  await cache.put(address, response);
}

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

async function hashOf(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function activate() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** At its start a page may ask for the newer version, unless another one is at work with the old. */
async function takeOver(when) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (when === 'now' || (when === 'start' && pages.length <= 1)) await self.skipWaiting();
}

async function answer(request, address) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address.origin + address.pathname);
  if (kept) return kept;
  if (request.mode === 'navigate') return (await cache.match(ROOT)) ?? fetch(request);
  return fetch(request);
}
