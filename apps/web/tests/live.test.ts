/** The window of a camera: its memory is bounded, and no timestamp stops it for good. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { completed } from "../src/bundle/manifest.js";
import { LiveWindow } from "../src/video/live.js";
import { UPRIGHT, type Planes } from "../src/video/planes.js";

const { geometry } = completed({
  geometry: {
    ...{ variant: "tsm", glance_frames: 4, candidate_frames: 8, focus_frames: 4, frame_size: 8, short_side: 8 },
    ...{ glance_size: 8, patch_size: 8, mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2], boxes_in: "frame" },
  },
});
const planes = (level: number): Planes => ({
  ...{ layout: "RGBA", width: 8, height: 8, data: new Uint8Array(256).fill(level), offsets: [0], strides: [32] },
  ...{ colors: { matrix: "bt601", fullRange: false }, turn: UPRIGHT },
});

async function fed(moments: readonly number[]): Promise<{ window: LiveWindow; taken: number }> {
  const window = new LiveWindow(geometry);
  let taken = 0;
  for (const [place, moment] of moments.entries()) {
    if (await window.push(moment, async () => planes(place & 255))) taken += 1;
  }
  return { window, taken };
}

const steady = (from: number, seconds: number): number[] =>
  Array.from({ length: 30 * seconds }, (_, n) => from + n / 30);

test("an hour of frames is held as few frames, and gives the newest clip", async () => {
  const { window, taken } = await fed(steady(0, 3600));
  assert.ok(taken > 3600 && window.held <= 18, `${window.held} frames are held`);
  const clip = window.clip()!;
  assert.equal(clip.clip.candidateIndices.length, 8);
  assert.ok(clip.end > 3599.5 && clip.filled === 1);
});

test("frames at the same moment or a little back are dropped and counted", async () => {
  const { window } = await fed([...steady(0, 5), 4.9, 4.9, 3, ...steady(5, 1)]);
  assert.equal(window.dropped, 3);
  assert.equal(window.restarts, 0);
  assert.ok(window.clip()!.end > 5.7);
});

test("no moment at all is dropped, and one far away does not stop the stream", async () => {
  const { window } = await fed([...steady(0, 5), NaN, Infinity, 1e9, ...steady(5, 6)]);
  assert.deepEqual([window.dropped, window.restarts], [2, 2]);
  const clip = window.clip()!;
  assert.ok(clip.end > 10.5 && clip.end < 11 && clip.filled === 1);
  // nothing of before is in it
  assert.ok(clip.clip.candidates.every((candidate) => candidate().height === 8));
});
