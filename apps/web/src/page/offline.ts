/** The service worker: it keeps the page for times without a network, and isolates it, so that it may use threads. */

const WAIT_MS = 10_000;
const RELOADED = "adafocus reloaded";

/** Wait until the page is kept and isolated; where it is not, it is loaded once more. */
export async function settle(): Promise<void> {
  if (!("serviceWorker" in navigator) || !window.isSecureContext) return;
  try {
    await navigator.serviceWorker.register("./sw.js");
    if (!navigator.serviceWorker.controller) await controlled();
  } catch {
    // a private window may refuse it: then the page runs with one thread, and not without a network
    return;
  }
  if (window.crossOriginIsolated || sessionStorage.getItem(RELOADED) || !navigator.serviceWorker.controller) return;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
  await new Promise(() => undefined);
}

function controlled(): Promise<void> {
  return new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", () => resolve(), { once: true });
    setTimeout(resolve, WAIT_MS);
  });
}
