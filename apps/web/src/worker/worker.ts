/** All work happens here, so that the page never stands still: downloads, decoding, networks. */

import { Bundle, zip } from "../bundle/bundle.js";
import { filesOf, runtimesOf, stageNames } from "../bundle/manifest.js";
import { AdafocusError } from "../core/errors.js";
import { range } from "../core/numbers.js";
import { clipIndices, clipOf, keptFrame } from "../core/recognizer.js";
import { RUNTIME, VideoRecognizer } from "../recognizer.js";
import { LiteRt } from "../runtimes/litert.js";
import { buildFor } from "../runtimes/wasm.js";
import { selfTest } from "../selftest.js";
import { Site } from "./downloads.js";
import type { FrameMessage, Opened, Operations, Reply, Request, Told } from "./messages.js";
import { toldOf } from "./telling.js";

const BASE = new URL("../", self.location.href);
const THREADS = 2;

const page = self as unknown as {
  postMessage(reply: Reply, transfer?: Transferable[]): void;
  crossOriginIsolated: boolean;
};

let runtime: LiteRt | null = null;
let open: { bundle: Bundle; recognizer: VideoRecognizer; site: Site } | null = null;

function opened(): NonNullable<typeof open> {
  if (!open) throw new AdafocusError("No model is open yet. Wait until it was downloaded, or reload the page.");
  return open;
}

const progress = (loaded: number, total: number): void => page.postMessage({ event: "progress", loaded, total });

type Handlers = {
  [Name in keyof Operations]: (given: Parameters<Operations[Name]>[0]) => Promise<ReturnType<Operations[Name]>>;
};

const HANDLERS: Handlers = {
  async open(given) {
    const site = await Site.open(BASE, progress);
    try {
      const found = await openFrom(site, given);
      await site.keep();
      return found;
    } catch (error) {
      // whatever it was that is damaged comes anew next time
      if (!given.bundle) await site.forget();
      throw error;
    }
  },

  async selfTest() {
    const { bundle, recognizer, site } = opened();
    try {
      const found = await selfTest(bundle, recognizer);
      await site.keep();
      return found;
    } finally {
      recognizer.setOptions({ runningMode: "VIDEO" });
    }
  },

  async setOptions(options) {
    opened().recognizer.setOptions({
      ...options,
      resultListener: (answer, smoothed) => {
        const { geometry, labels } = opened().bundle.manifest;
        void toldOf(answer, geometry, false).then((told) => {
          const shown = smoothed.label === null ? null : labels[smoothed.label]!;
          page.postMessage({ event: "live", told, smoothed, shown }, pictures(told));
        });
      },
      errorListener: (error) => page.postMessage({ event: "liveError", error: sentenceOf(error) }),
    });
    return null;
  },

  async recognizeVideo({ file, name }) {
    const { bundle, recognizer } = opened();
    recognizer.setOptions({ runningMode: "VIDEO" });
    return toldOf(await recognizer.recognizeVideo(file, name), bundle.manifest.geometry, false);
  },

  async recognizeFrames({ data, height, width, thresholds }) {
    const { bundle, recognizer } = opened();
    const { geometry } = bundle.manifest;
    const size = height * width * 3;
    const frames = range(data.length / size).map((n) => ({
      height,
      width,
      data: data.subarray(n * size, (n + 1) * size),
    }));
    const clip = clipOf(geometry, clipIndices(geometry, frames.length), (number) =>
      keptFrame(geometry, frames[number]!),
    );
    recognizer.setOptions({ runningMode: "CLIP" });
    return toldOf(await recognizer.recognize(clip, thresholds), geometry, true);
  },

  async counts() {
    const { recognizer } = opened();
    return { calls: { ...recognizer.calls }, ...recognizer.liveFrames };
  },
};

/** Open a bundle: the page's own, or a file. */
async function openFrom(site: Site, given: Parameters<Operations["open"]>[0]): Promise<Opened> {
  const { threads = THREADS, bundle: file, name } = given;
  const started = performance.now();
  const build = buildFor(threads, page.crossOriginIsolated);
  const program = runtime ? null : site.runtime(build);
  program?.catch(() => undefined);
  const bundle = file ? await Bundle.open(await zip(name ?? "The file", file)) : await Bundle.described(site);
  const { manifest } = bundle;
  if (!runtimesOf(manifest).includes(RUNTIME)) {
    throw new AdafocusError(`${manifest.name} has no graphs for LiteRT. Convert it: adafocus export --device web`);
  }
  const graphs = stageNames(manifest.geometry).map((stage) => manifest.stages[stage]![RUNTIME]!.file);
  if (!file) site.expect(graphs);
  runtime ??= await LiteRt.load(new URL("litert/", BASE), (await program)!, build, threads);
  const recognizer = await VideoRecognizer.createFromOptions(bundle, runtime, { runningMode: "VIDEO" }, () =>
    page.postMessage({ event: "opening" }),
  );
  open?.recognizer.close();
  open = { bundle, recognizer, site };
  const golden = filesOf(manifest)
    .slice(-2)
    .map((record) => record.file);
  return {
    name: manifest.name,
    labels: manifest.labels.length,
    focusFrames: manifest.geometry.focus_frames,
    build: runtime.build,
    threads: runtime.threads,
    bytes: site.loaded,
    openMs: performance.now() - started,
    goldenBytes: file ? 0 : site.bytes(golden),
    exitMacs: recognizer.exitMacs,
    periodMs: 1000 * recognizer.period,
  };
}

function pictures(told: Told): Transferable[] {
  return told.frames.map((frame) => frame.picture);
}

/** One sentence on what went wrong. */
function sentenceOf(error: unknown): string {
  if (error instanceof AdafocusError) return error.message;
  console.error(error);
  const told = error instanceof Error ? error.message.split("\n")[0] : String(error);
  return `This did not work: ${told?.replace(/[.]?$/, ".")} Reload the page, and try again.`;
}

// one after the other: the networks run one clip at a time
let last: Promise<void> = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<Request | FrameMessage>) => {
  if ("frame" in data) {
    const { frame, timestampMs } = data;
    if (open) void open.recognizer.addFrame(frame, timestampMs);
    else frame.close();
    return;
  }
  const { id, op, given } = data;
  last = last.then(async () => {
    try {
      const found = await (HANDLERS[op] as (given: unknown) => Promise<unknown>)(given);
      const told = found as Partial<Told> | null;
      page.postMessage({ id, found }, told?.frames ? pictures(told as Told) : []);
    } catch (error) {
      page.postMessage({ id, error: sentenceOf(error) });
    }
  });
});
