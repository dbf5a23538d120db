/** Files of the page's own folder, with their progress; they are compressed whatever the server does. */

import type { Files } from "../bundle/bundle.js";
import { AdafocusError } from "../core/errors.js";
import type { Build } from "../runtimes/wasm.js";

interface Entry {
  url: string;
  bytes: number;
}

/** What `scripts/site.ts` wrote: every file, where it is, and how many bytes come. */
export interface Downloads {
  files: Record<string, Entry>;
  runtime: Record<Build, Entry>;
}

const GZIP = [0x1f, 0x8b];

export type Progress = (loaded: number, total: number) => void;

export class Site implements Files {
  readonly shown = "The model";
  loaded = 0;
  private total = 0;
  private readonly coming = new Map<string, Promise<Uint8Array>>();
  private readonly unkept = new Map<string, Blob>();

  private constructor(
    private readonly base: URL,
    private readonly list: Downloads,
    private readonly progress: Progress,
  ) {}

  static async open(base: URL, progress: Progress): Promise<Site> {
    const response = await answered(new URL("downloads.json", base));
    return new Site(base, (await response.json()) as Downloads, progress);
  }

  /** Bytes of some files as they come over the network. */
  bytes(names: readonly string[]): number {
    return names.reduce((sum, name) => sum + (this.list.files[name]?.bytes ?? 0), 0);
  }

  /** Begin to download files that will be read. */
  expect(names: readonly string[]): void {
    for (const name of names) void this.read(name).catch(() => undefined);
  }

  async read(name: string): Promise<Uint8Array | null> {
    const entry = this.list.files[name];
    return entry ? this.download(name, entry) : null;
  }

  runtime(build: Build): Promise<Uint8Array> {
    return this.download("The program that runs it", this.list.runtime[build]);
  }

  /** Keep for later what was found to be as it should; without a service worker nothing is kept. */
  async keep(): Promise<void> {
    const cache = await kept();
    for (const [url, content] of this.unkept) {
      this.unkept.delete(url);
      // a full disk is no reason to stop
      await cache?.put(new URL(url, this.base).href, new Response(content)).catch(() => undefined);
    }
  }

  /** Drop all files from what is kept for later: one of them is not what it should be. */
  async forget(): Promise<void> {
    const cache = await kept();
    const all = [...Object.values(this.list.files), ...Object.values(this.list.runtime)];
    for (const { url } of all) await cache?.delete(new URL(url, this.base).href);
  }

  private download(name: string, entry: Entry): Promise<Uint8Array> {
    let coming = this.coming.get(entry.url);
    if (!coming) {
      this.total += entry.bytes;
      coming = this.fetched(name, entry);
      this.coming.set(entry.url, coming);
    }
    return coming;
  }

  private async fetched(name: string, { url, bytes }: Entry): Promise<Uint8Array> {
    const broken = (found: number): AdafocusError =>
      new AdafocusError(
        `${name} was cut off: ${found} of ${bytes} bytes came. Check the connection, and reload the page.`,
      );
    const response = await answered(new URL(url, this.base));
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let found = 0;
    try {
      const reader = response.body!.getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        parts.push(value);
        found += value.length;
        this.loaded += value.length;
        this.progress(Math.min(this.loaded, this.total), this.total);
      }
    } catch {
      throw broken(found);
    }
    const whole = new Blob(parts);
    this.unkept.set(url, whole);
    const head = new Uint8Array(await whole.slice(0, GZIP.length).arrayBuffer());
    // some servers say that what is packed is only sent so, and browsers unpack it then
    if (!GZIP.every((byte, place) => head[place] === byte)) return new Uint8Array(await whole.arrayBuffer());
    if (found !== bytes) throw broken(found);
    try {
      const unpacked = new Response(whole.stream().pipeThrough(new DecompressionStream("gzip")));
      return new Uint8Array(await unpacked.arrayBuffer());
    } catch {
      throw new AdafocusError(`${name} was damaged on its way. Reload the page.`);
    }
  }
}

async function answered(url: URL): Promise<Response> {
  const shown = url.pathname.split("/").pop()!;
  const response = await fetch(url).catch(() => null);
  if (!response)
    throw new AdafocusError(`${shown} cannot be downloaded: there is no connection. Reload the page when there is.`);
  if (!response.ok)
    throw new AdafocusError(`${shown} cannot be downloaded: the server says ${response.status}. Reload the page.`);
  return response;
}

/** What the service worker of this page keeps; it names it by its own address. */
async function kept(): Promise<Cache | null> {
  if (typeof caches === "undefined") return null;
  const ours = `adafocus ${new URL("../", self.location.href).href} `;
  const name = (await caches.keys()).find((known) => known.startsWith(ours));
  return name === undefined ? null : caches.open(name);
}
