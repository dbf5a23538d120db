/** Writes the static folder: the built page, LiteRT's programs, and a bundle, each file compressed. */

import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { Bundle, folder, zip } from "../src/bundle/bundle.js";
import { runtimesOf, stageNames, type FileRecord } from "../src/bundle/manifest.js";
import { AdafocusError } from "../src/core/errors.js";
import type { Build } from "../src/runtimes/wasm.js";
import type { Downloads } from "../src/worker/downloads.js";

const ROOT = join(import.meta.dirname, "../..");
const PAGE = join(ROOT, "build/page");
const WASM = join(dirname(createRequire(import.meta.url).resolve("@litertjs/core")), "../wasm");
const PROGRAMS: Record<Build, string> = {
  threaded: "litert_wasm_threaded_internal",
  plain: "litert_wasm_internal",
  compatible: "litert_wasm_compat_internal",
};
const MARKER = "downloads.json";
/** A first visit takes at most so much. */
const MAX_FIRST_BYTES = 15e6;

function allFiles(place: string): string[] {
  const entries = readdirSync(place, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(place, join(entry.parentPath, entry.name)));
}

async function opened(path: string, shown: string): Promise<Bundle> {
  if (!existsSync(path)) {
    throw new AdafocusError(
      `There is no bundle at ${shown}. Make one: adafocus export MODEL --device web --out ${shown}`,
    );
  }
  if (statSync(path).isFile()) return Bundle.open(await zip(shown, new Blob([readFileSync(path)])));
  const files = allFiles(path).map((name) => [name, new Blob([readFileSync(join(path, name))])] as const);
  return Bundle.open(folder(shown, new Map(files)));
}

/** Write a bundle's files for LiteRT, and what the page downloads of them. */
async function writeBundle(bundle: Bundle, manifest: Uint8Array, out: string): Promise<Downloads["files"]> {
  const { stages, geometry, golden } = bundle.manifest;
  if (!runtimesOf(bundle.manifest).includes("litert")) {
    throw new AdafocusError(
      "The bundle has no graphs for LiteRT. Convert the model for it: adafocus export --device web",
    );
  }
  const records: FileRecord[] = stageNames(geometry).map((stage) => stages[stage]!["litert"]!);
  const found: Downloads["files"] = {};
  const put = (name: string, content: Uint8Array): void => {
    found[name] = { url: `bundle/${name}.gz`, bytes: packed(content, join(out, "bundle", `${name}.gz`)) };
  };
  put("manifest.json", manifest);
  for (const record of [...records, golden.frames, golden.answers]) put(record.file, await bundle.read(record));
  return found;
}

function packed(content: Uint8Array, path: string): number {
  const bytes = gzipSync(content, { level: 9 });
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return bytes.length;
}

function writeRuntime(out: string): Downloads["runtime"] {
  const place = join(out, "litert");
  mkdirSync(place, { recursive: true });
  const found: [string, Downloads["runtime"][Build]][] = [];
  for (const [build, name] of Object.entries(PROGRAMS)) {
    const script = readFileSync(join(WASM, `${name}.js`), "utf-8");
    // threads load the script as it is, the page's worker as a module
    if (build === "threaded") writeFileSync(join(place, `${name}.js`), script);
    writeFileSync(join(place, `${name}.mjs`), `${script}\nexport default ModuleFactory;\n`);
    const bytes = packed(readFileSync(join(WASM, `${name}.wasm`)), join(place, `${name}.wasm.gz`));
    found.push([build, { url: `litert/${name}.wasm.gz`, bytes }]);
  }
  return Object.fromEntries(found) as Downloads["runtime"];
}

/** What a first visit downloads: the page, one of the programs, the graphs and the golden clip. */
function firstVisit(out: string, downloads: Downloads): number {
  const shell = allFiles(PAGE).map((name) => gzipSync(readFileSync(join(PAGE, name))).length);
  const glue = gzipSync(readFileSync(join(out, "litert", `${PROGRAMS.threaded}.mjs`))).length;
  const files = Object.values(downloads.files).map(({ bytes }) => bytes);
  return [...shell, 2 * glue, downloads.runtime.threaded.bytes, ...files].reduce((sum, bytes) => sum + bytes, 0);
}

/** Name what the page needs before anything else, and a version that changes with any file. */
function writeServiceWorker(out: string): void {
  const digest = createHash("sha256");
  for (const name of allFiles(out).sort()) digest.update(`${name}\0`).update(readFileSync(join(out, name)));
  const shell = ["./", ...allFiles(PAGE).filter((name) => name !== "index.html" && name !== "sw.js"), MARKER];
  const script = readFileSync(join(PAGE, "sw.js"), "utf-8")
    .replace("__VERSION__", digest.digest("hex").slice(0, 16))
    .replace('"__SHELL__"', shell.map((name) => JSON.stringify(name)).join(", "));
  writeFileSync(join(out, "sw.js"), script);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { bundle: { type: "string" }, out: { type: "string" } } });
  if (!values.bundle || !values.out) throw new AdafocusError("Name both: --bundle bundle.zip --out folder");
  // npm changes the folder; names are those of where it was called
  const here = process.env["INIT_CWD"] ?? ".";
  const out = resolve(here, values.out);
  if (existsSync(out) && !existsSync(join(out, MARKER)) && readdirSync(out).length) {
    throw new AdafocusError(
      `${values.out} exists and is no page of ours, so it is not replaced. Choose another folder.`,
    );
  }
  const bundle = await opened(resolve(here, values.bundle), values.bundle);
  const beside = `${out}.${process.pid}`;
  try {
    cpSync(PAGE, beside, { recursive: true });
    cpSync(join(ROOT, "NOTICE"), join(beside, "NOTICE"));
    const downloads: Downloads = {
      files: await writeBundle(bundle, bundle.text, beside),
      runtime: writeRuntime(beside),
    };
    writeFileSync(join(beside, MARKER), `${JSON.stringify(downloads, null, 1)}\n`);
    writeServiceWorker(beside);
    const first = firstVisit(beside, downloads);
    rmSync(out, { recursive: true, force: true });
    renameSync(beside, out);
    console.log(`wrote ${values.out}: ${bundle.manifest.name}, a first visit is ${(first / 1e6).toFixed(1)} MB`);
    if (first > MAX_FIRST_BYTES)
      console.log("That is more than 15 MB: the golden clip is fetched only when somebody asks for the self-test.");
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  if (!(error instanceof AdafocusError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
});
