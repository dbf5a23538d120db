/** The golden clips of the conformance vectors, in the real runtime: every tensor, with exits. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser } from "playwright-core";

import type { Told, ToldTensor } from "../../src/worker/messages.js";
import { bytesOf, differences, vectorsOf, type Json } from "../vectors.js";
import { serve, type Choices } from "../../scripts/serve.js";
import { bundleOf, FRAME, launch, READY_MS, site, visit, type Kind } from "./browser.js";
import { Firefox } from "./firefox.js";

/** Floats of another processor may be so much of the largest one away. */
const OUTPUTS = 1e-4;
const POLL_MS = 200;

/** A page in either browser. */
interface Seen {
  evaluate<Given, Found>(work: (given: Given) => Found | Promise<Found>, given: Given): Promise<Found>;
  choose(file: string): Promise<void>;
  close(): Promise<void>;
}

let chromium: Browser;
let folder: string;
let remove: () => void;
before(async () => {
  [folder, remove] = site(FRAME);
  chromium = await launch();
});
after(async () => {
  await chromium?.close();
  remove?.();
});

const VISITS: Record<Kind, (query: string, choices: Choices) => Promise<Seen>> = {
  async chromium(query, choices) {
    const { page, close } = await visit(chromium, folder, { query, ...choices });
    return {
      evaluate: (work, given) => page.evaluate(work as never, given) as never,
      choose: (file) => page.setInputFiles("#file", file),
      close,
    };
  },
  async firefox(query, choices) {
    const [server, address] = await serve(folder, 0, choices);
    const firefox = await Firefox.launch();
    const close = async (): Promise<void> => {
      await firefox.close();
      server.close();
      server.closeAllConnections();
    };
    await firefox.open(address + query);
    return { evaluate: firefox.evaluate.bind(firefox), choose: firefox.choose.bind(firefox), close };
  },
};

/** What the page shows in one of its places. */
async function textOf(seen: Seen, id: string): Promise<string> {
  // the page may be loaded once more meanwhile
  const found = seen.evaluate((id) => {
    const place = document.getElementById(id)!;
    return place.closest("[hidden]") ? "" : place.innerText.trim();
  }, id);
  return found.catch(() => "");
}

async function settledOn(seen: Seen, pattern: RegExp): Promise<void> {
  const until = Date.now() + READY_MS;
  for (let text = ""; !pattern.test(text); text = await textOf(seen, "facts")) {
    const notice = await textOf(seen, "notice-text");
    if (notice || Date.now() > until) assert.fail(`${notice || "waited too long"}; the page says: ${text}`);
    await sleep(POLL_MS);
  }
}

type Calls = { calls: Record<string, number> };

async function recognize(seen: Seen, frames: Json, thresholds: number[] | null): Promise<Told> {
  const { shape, data } = bytesOf(frames);
  const text = Buffer.from(data).toString("base64");
  const found = await seen.evaluate(
    async ({ text, height, width, thresholds }) => {
      const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      const told = await window.adafocus.client.ask("recognizeFrames", { data, height, width, thresholds });
      // where Firefox runs this, the page's own classes have other objects
      const floats = (value: unknown): value is Float32Array =>
        Object.prototype.toString.call(value) === "[object Float32Array]";
      return JSON.stringify(told, (_, value: unknown) => (floats(value) ? Array.from(value) : value));
    },
    { text, height: shape[1]!, width: shape[2]!, thresholds },
  );
  return JSON.parse(found) as Told;
}

async function callsOf(seen: Seen): Promise<Calls["calls"]> {
  return (await seen.evaluate(() => window.adafocus.client.ask("counts", {}), null)).calls;
}

/** Tensors of the vector's calls: digests of integers, samples of floats. */
function tensorDifferences(expected: Json, found: Told["details"]["calls"]): string[] {
  assert.deepEqual(
    found.map((call) => call.stage),
    expected.map((call: Json) => call.stage),
  );
  return expected.flatMap((call: Json, place: number) =>
    (["inputs", "outputs"] as const).flatMap((side) =>
      Object.entries<Json>(call[side])
        .filter(([name, tensor]) => {
          const told: ToldTensor | undefined = found[place]![side][name];
          if (!told) return true;
          if (tensor.sha256) return told.sha256 !== tensor.sha256;
          const values = Array.from(told.values!);
          const samples: [number, number][] =
            tensor.samples ?? tensor.values.flat(Infinity).map((value: number, at: number) => [at, value]);
          const most = OUTPUTS * Math.max(...values.map(Math.abs));
          return !samples.every(([at, value]) => Math.abs(values[at]! - value) <= most);
        })
        .map(([name]) => `${call.stage}.${name}`),
    ),
  );
}

async function check(page: Seen, name: string): Promise<void> {
  const { given, expected } = vectorsOf("golden.json").find((vector) => vector.name === name)!;
  const whole = await recognize(page, given.frames, null);
  const { details } = whole;
  assert.deepEqual(tensorDifferences(expected.calls, details.calls), []);
  const seen = {
    glance_indices: details.glanceIndices,
    candidate_frames: details.candidateIndices,
    candidates: details.candidates,
    frame_indices: details.frameIndices,
    boxes: details.boxes,
    boxes_px: details.boxesPx,
    glance: { ...expected.glance, samples: undefined, sha256: details.glanceSha256 },
    patches: { ...expected.patches, samples: undefined, sha256: details.patchesSha256 },
    top: whole.top.slice(0, 3),
  };
  assert.deepEqual(differences({ ...expected, calls: [], runs: [] }, { ...seen, calls: [], runs: [] }), []);
  for (const [place, run] of expected.runs.entries()) {
    const before = await callsOf(page);
    const told = await recognize(page, given.frames, given.thresholds[place]);
    const after = await callsOf(page);
    const called = Object.keys(after).flatMap((stage) => Array<string>(after[stage]! - before[stage]!).fill(stage));
    const found = {
      calls: called,
      exit_stage: told.exitStage,
      exit_index: told.exitIndex,
      confidences: told.confidences,
      frame_indices: told.details.frameIndices,
      label: told.label,
      score: told.score,
      macs: told.macs,
    };
    assert.deepEqual(differences(run, found), []);
  }
}

// a server without the headers: the page's service worker gives them, after one reload
for (const [kind, threads, told, headers] of [
  ["chromium", 1, "a server with the headers", undefined],
  ["chromium", 2, "any server", {}],
  ["firefox", 1, "a server with the headers", undefined],
  ["firefox", 2, "any server", {}],
] as const) {
  test(`golden clips, ${kind}, ${threads} threads, ${told}`, async () => {
    const seen = await VISITS[kind](`?threads=${threads}`, headers ? { headers } : {});
    try {
      // it may be loaded once more, so nothing is chosen before
      await settledOn(seen, /passed, \d+ tensors/);
      for (const { name } of vectorsOf("golden.json")) {
        // a model of one's own is a file like a video
        if (name !== "x3d-xs-frame-k400") await seen.choose(bundleOf(name));
        await settledOn(seen, new RegExp(`${name}\\s.*LiteRT, ${threads} thread.*passed, \\d+ tensors`, "s"));
        await check(seen, name);
      }
    } finally {
      await seen.close();
    }
  });
}
