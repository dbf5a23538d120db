/** The golden clips of the conformance vectors, in the real runtime: every tensor, with exits. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";

import type { Told, ToldTensor } from "../../src/worker/messages.js";
import { bytesOf, differences, vectorsOf, type Json } from "../vectors.js";
import { bundleOf, FRAME, launch, launchFirefox, noticeOf, site, visit, type Kind, type Visit } from "./browser.js";

/** Floats of another processor may be so much of the largest one away. */
const OUTPUTS = 1e-4;

const browsers: Partial<Record<Kind, Browser>> = {};
let folder: string;
let remove: () => void;
before(async () => {
  [folder, remove] = site(FRAME);
  browsers.chromium = await launch();
  browsers.firefox = await launchFirefox();
});
after(async () => {
  for (const browser of Object.values(browsers)) await browser.close();
  remove?.();
});

type Calls = { calls: Record<string, number> };

async function recognize(visited: Visit, frames: Json, thresholds: number[] | null): Promise<Told> {
  const { shape, data } = bytesOf(frames);
  const text = Buffer.from(data).toString("base64");
  const found = await visited.page.evaluate(
    async ({ text, height, width, thresholds }) => {
      const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      const told = await window.adafocus.client.ask("recognizeFrames", { data, height, width, thresholds });
      return JSON.stringify(told, (_, value: unknown) => (value instanceof Float32Array ? Array.from(value) : value));
    },
    { text, height: shape[1]!, width: shape[2]!, thresholds },
  );
  return JSON.parse(found) as Told;
}

async function callsOf({ page }: Visit): Promise<Calls["calls"]> {
  return (await page.evaluate(() => window.adafocus.client.ask("counts", {}))).calls;
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

async function check(visited: Visit, name: string): Promise<void> {
  const { given, expected } = vectorsOf("golden.json").find((vector) => vector.name === name)!;
  const whole = await recognize(visited, given.frames, null);
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
    const before = await callsOf(visited);
    const told = await recognize(visited, given.frames, given.thresholds[place]);
    const after = await callsOf(visited);
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
    const visited = await visit(browsers[kind]!, folder, { query: `?threads=${threads}`, ...(headers && { headers }) });
    const { page } = visited;
    const facts = page.locator("#facts");
    try {
      assert.equal(await noticeOf(page), "");
      assert.match(await facts.innerText(), new RegExp(`LiteRT, ${threads} thread.*passed, 4 tensors`, "s"));
      for (const { name } of vectorsOf("golden.json")) {
        if (name !== "x3d-xs-frame-k400") {
          // a model of one's own is a file like a video
          await page.setInputFiles("#file", bundleOf(name));
          await facts
            .filter({ hasText: name })
            .filter({ hasText: /passed, \d+ tensors/ })
            .waitFor();
        }
        await check(visited, name);
      }
    } finally {
      await visited.close();
    }
  });
}
