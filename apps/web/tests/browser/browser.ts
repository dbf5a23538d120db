/** A real browser, and the page as `make web` writes it. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

import { serve, type Choices } from "../../scripts/serve.js";

const WEB = join(import.meta.dirname, "../../..");
/** Golden vectors of other bundles than the shipped ones: VECTORS and BUNDLES name their folders. */
const SHIPPED = join(WEB, "../../bundles");
const BUNDLES = process.env["BUNDLES"] ?? SHIPPED;
export const FRAME = join(SHIPPED, "x3d-xs-frame-k400-litert.zip");
export const bundleOf = (name: string): string => join(BUNDLES, `${name}-litert.zip`);
export type Kind = "chromium" | "firefox";
/** Where Debian puts them, unless CHROMIUM or FIREFOX name another place. */
const PROGRAMS: Record<Kind, [variable: string, path: string, name: string]> = {
  chromium: ["CHROMIUM", "/usr/bin/chromium", "chromium"],
  firefox: ["FIREFOX", "/usr/bin/firefox-esr", "firefox-esr"],
};
/** No call home of the browser's own disturbs what is counted. */
const QUIET = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const READY_MS = 120_000;

export function programOf(kind: Kind): string {
  const [variable, usual, name] = PROGRAMS[kind];
  const path = process.env[variable] ?? usual;
  if (!existsSync(path)) {
    throw new Error(
      `There is no browser at ${path}. Install it (Debian: apt-get install -y --no-install-recommends ${name}), or name another one: ${variable}=/path make test-apps`,
    );
  }
  return path;
}

export function launch(more: string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: programOf("chromium"), args: [...QUIET, ...more] });
}

/** Write the page with a bundle into a folder of its own, which the function removes; and the MB of a first visit. */
export function site(bundle: string): [folder: string, remove: () => void, megabytes: number] {
  const place = mkdtempSync(join(WEB, "build/site-"));
  const folder = join(place, "page");
  const told = execFileSync(process.execPath, [
    join(WEB, "build/scripts/site.js"),
    "--bundle",
    bundle,
    "--out",
    folder,
  ]);
  const megabytes = Number(/a first visit is ([0-9.]+) MB/.exec(told.toString())![1]);
  return [folder, () => rmSync(place, { recursive: true }), megabytes];
}

/** A page that is served and open; whoever asks for it closes it. */
export interface Visit {
  page: Page;
  address: string;
  server: Server;
  requests: { method: string; url: string }[];
  close(): Promise<void>;
}

export interface Wishes extends Choices {
  query?: string;
  context?: BrowserContextOptions;
}

export async function visit(browser: Browser, folder: string, wishes: Wishes = {}): Promise<Visit> {
  const [server, address] = await serve(folder, 0, wishes);
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...wishes.context });
  const requests: Visit["requests"] = [];
  context.on("request", (request) => requests.push({ method: request.method(), url: request.url() }));
  const page = await context.newPage();
  page.setDefaultTimeout(READY_MS);
  await page.goto(address + (wishes.query ?? ""));
  await settled(page);
  const close = async (): Promise<void> => {
    await context.close();
    server.close();
    server.closeAllConnections();
  };
  return { page, address, server, requests, close };
}

/** Wait until the page is ready, or has said why it is not; it may be loaded once more before. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.getElementById("status")!.matches(".good, .bad"), null, {
    timeout: READY_MS,
  });
  await page.evaluate(() => window.adafocus.ready);
}

/** The sentence that the page shows of something that went wrong; empty where none is shown. */
export async function noticeOf(page: Page): Promise<string> {
  const notice = page.locator("#notice");
  return (await notice.isVisible()) ? (await page.locator("#notice-text").innerText()).trim() : "";
}
