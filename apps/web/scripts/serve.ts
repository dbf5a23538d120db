/** Serves the static folder on this machine, with the headers that docs/web.md asks of a server. */

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, resolve } from "node:path";
import { parseArgs } from "node:util";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".gz": "application/gzip",
};

/** The headers of every answer; the page's service worker gives the same where a server cannot. */
export const HEADERS: Record<string, string> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
};

export interface Choices {
  headers?: Record<string, string>;
  /** Answers a request in the place of the file; true where it did. */
  instead?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Serve a folder; port 0 takes any that is free. */
export function serve(
  folder: string,
  port: number,
  { headers = HEADERS, instead }: Choices = {},
): Promise<[Server, string]> {
  const server = createServer((request, response) => {
    if (instead?.(request, response)) return;
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname));
    let file = join(folder, path);
    if (existsSync(file) && statSync(file).isDirectory()) file = join(file, "index.html");
    if (!file.startsWith(resolve(folder)) || !existsSync(file)) return void response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "Content-Type": type, "Content-Length": statSync(file).size });
    createReadStream(file).pipe(response);
  });
  return new Promise((found, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () =>
      found([server, `http://localhost:${(server.address() as AddressInfo).port}/`]),
    );
  });
}

if (import.meta.filename === process.argv[1]) {
  const { values, positionals } = parseArgs({
    options: { port: { type: "string", default: "8000" } },
    allowPositionals: true,
  });
  const folder = resolve(positionals[0] ?? "build/web");
  if (!existsSync(join(folder, "index.html"))) {
    console.error(`There is no page in ${folder}. Write it: make web`);
    process.exit(2);
  }
  const served = await serve(folder, Number(values.port)).catch((error: NodeJS.ErrnoException) => {
    console.error(`The port ${values.port} cannot be used (${error.code}). Choose another one: --port 8080`);
    process.exit(2);
  });
  console.log(`${served[1]} (end it with Ctrl-C)`);
}
