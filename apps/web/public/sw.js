// Keeps the page for times without a network, and gives every answer the headers that let the page use threads.
const OURS = `adafocus ${self.registration.scope} `;
const CACHE = `${OURS}__VERSION__`;
const SHELL = ["__SHELL__"];
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
  "img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'";
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Content-Security-Policy": POLICY,
};

const outdated = (name) => name.startsWith(OURS) && name !== CACHE;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(outdated).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(event));
});

async function answer(event) {
  const cache = await caches.open(CACHE);
  const address = new URL(event.request.url);
  address.search = "";
  let found = await cache.match(address.href);
  if (!found) {
    found = await fetch(address.href, { cache: "no-cache" });
    // what is packed is kept by the page's worker, once it has found it whole
    if (found.ok && !address.pathname.endsWith(".gz"))
      event.waitUntil(cache.put(address.href, found.clone()).catch(() => undefined));
  }
  const headers = new Headers(found.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}
