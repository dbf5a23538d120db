/** Colors are FFmpeg's, byte for byte, and frames are turned as they are shown. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { pictureOf, UPRIGHT, type Colors, type Planes, type Turn } from "../src/video/planes.js";
import { bytesOf } from "./vectors.js";

const [WIDTH, HEIGHT] = [64, 32];
const CHROMA = (WIDTH / 2) * (HEIGHT / 2);
const { data } = bytesOf({ noise: 11, shape: [(HEIGHT * 3) / 2, WIDTH] });
// what FFmpeg 8 (PyAV 18.1) makes of these planes, as RGB
const FFMPEG: [Colors, string][] = [
  [{ matrix: "bt601", fullRange: false }, "e45728d885451df52828d9c69ec06b165053089148f598868d76a9fb6be1f219"],
  [{ matrix: "bt601", fullRange: true }, "31709ed30dd393a3291daf42b2aa18f6f5ed6d1582aac8549fd1038945988e12"],
  [{ matrix: "bt709", fullRange: false }, "7bee215aca1c6c49b57b60c8954518f4de3242ee0540909f4d51c04b4cd47773"],
  [{ matrix: "bt709", fullRange: true }, "0eb4ff96019cdcfdaa9d1171b95c44296845e45f018264bb94b135c74b1da268"],
];

const planar = (colors: Colors): Planes => ({
  layout: "I420",
  width: WIDTH,
  height: HEIGHT,
  data,
  offsets: [0, WIDTH * HEIGHT, WIDTH * HEIGHT + CHROMA],
  strides: [WIDTH, WIDTH / 2, WIDTH / 2],
  colors,
  turn: UPRIGHT,
});

/** The same planes with both chromas in one. */
function interleaved(planes: Planes): Planes {
  const found = new Uint8Array(data);
  for (let place = 0; place < CHROMA; place++) {
    found[WIDTH * HEIGHT + 2 * place] = data[WIDTH * HEIGHT + place]!;
    found[WIDTH * HEIGHT + 2 * place + 1] = data[WIDTH * HEIGHT + CHROMA + place]!;
  }
  return { ...planes, layout: "NV12", data: found, offsets: [0, WIDTH * HEIGHT], strides: [WIDTH, WIDTH] };
}

for (const [colors, expected] of FFMPEG) {
  test(`${colors.matrix}, ${colors.fullRange ? "full" : "limited"} range`, () => {
    for (const planes of [planar(colors), interleaved(planar(colors))]) {
      assert.equal(createHash("sha256").update(pictureOf(planes).data).digest("hex"), expected);
    }
  });
}

// a picture of 2 x 3 pixels, numbered 1 to 6 line by line
const TURNED: [Partial<Turn>, number[][]][] = [
  [
    {},
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ],
  [
    { degrees: 90 },
    [
      [4, 1],
      [5, 2],
      [6, 3],
    ],
  ],
  [
    { degrees: 180 },
    [
      [6, 5, 4],
      [3, 2, 1],
    ],
  ],
  [
    { degrees: 270 },
    [
      [3, 6],
      [2, 5],
      [1, 4],
    ],
  ],
  [
    { mirrored: true },
    [
      [3, 2, 1],
      [6, 5, 4],
    ],
  ],
  [
    { degrees: 90, mirrored: true },
    [
      [1, 4],
      [2, 5],
      [3, 6],
    ],
  ],
];
for (const [turn, expected] of TURNED) {
  test(`a frame that is turned by ${JSON.stringify(turn)}`, () => {
    const numbers = Uint8Array.from([1, 2, 3, 4, 5, 6].flatMap((level) => [level, 0, 9, 255]));
    const shape = { layout: "BGRA", width: 3, height: 2, data: numbers, offsets: [0], strides: [12] } as const;
    const colors = { matrix: "bt601", fullRange: false } as const;
    const found = pictureOf({ ...shape, offsets: [0], strides: [12], colors, turn: { ...UPRIGHT, ...turn } });
    assert.deepEqual([found.height, found.width], [expected.length, expected[0]!.length]);
    // blue, green, red came in
    const levels = Array.from({ length: 6 }, (_, place) => found.data[3 * place + 2]);
    assert.deepEqual(levels, expected.flat());
    assert.deepEqual([found.data[0], found.data[1]], [9, 0]);
  });
}
