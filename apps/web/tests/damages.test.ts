/** Bundles that are damaged at random: each opens or is refused in a sentence, soon. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { readArrays } from "../src/bundle/arrays.js";
import { Bundle, folder, zip } from "../src/bundle/bundle.js";
import { BundleError } from "../src/bundle/errors.js";
import { vectorsOf } from "./vectors.js";

const TURNS = 3000;
const LONGEST_S = 10;
const WORDS = ["-1", "0", "1e999", "null", "true", '""', "[]", "{}", "9999999999999999999", "4097", '"\\u0000"', "[[[["];

/** Numbers that look random, the same each time: mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function damaged(content: Uint8Array, random: (below: number) => number): Uint8Array<ArrayBuffer> {
  const kind = random(4);
  if (kind === 0) return content.slice(0, random(content.length)) as Uint8Array<ArrayBuffer>;
  if (kind === 1) return content.slice(random(content.length)) as Uint8Array<ArrayBuffer>;
  const found = content.slice() as Uint8Array<ArrayBuffer>;
  for (let left = 1 + random(8); left > 0; left -= 1) found[random(found.length)] = random(256);
  return found;
}

/** Put something else in the place of a value of a manifest. */
function otherValue(manifest: string, random: (below: number) => number): string {
  const places = [...manifest.matchAll(/: ([^\n,{[]+)/gd)];
  const [from, to] = places[random(places.length)]!.indices![1]!;
  return manifest.slice(0, from) + WORDS[random(WORDS.length)]! + manifest.slice(to);
}

test(`${TURNS} damaged zips, manifests and arrays open or are refused in a sentence`, async () => {
  const vectors = vectorsOf("bundles.json").filter((vector) => vector.op === "bundle");
  const decoded = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "base64"));
  const whole = decoded(vectors.find(({ given }) => "zip" in given)!.given.zip);
  const files = new Map(
    Object.entries<string>(vectors.find(({ given }) => "files" in given)!.given.files).map(([name, text]) => [
      name,
      decoded(text),
    ]),
  );
  const manifest = new TextDecoder().decode(files.get("manifest.json"));
  const inFolder = (text: string | Uint8Array<ArrayBuffer>): Map<string, Blob> =>
    new Map([...files].map(([name, content]) => [name, new Blob([name === "manifest.json" ? text : content])]));
  let [opened, refused, slowest] = [0, 0, 0];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const random = randomOf(turn);
    const began = performance.now();
    try {
      if (turn % 3 === 0) await Bundle.open(await zip("bundle.zip", new Blob([damaged(whole, random)])));
      else if (turn % 3 === 1) {
        const text = turn % 2 ? damaged(files.get("manifest.json")!, random) : otherValue(manifest, random);
        await Bundle.open(folder("bundle", inFolder(text)));
      } else await readArrays("clip.npz", damaged(files.get("golden/clip.npz")!, random), 2 ** 20);
      opened += 1;
    } catch (error) {
      assert.ok(error instanceof BundleError, `turn ${turn}: ${error instanceof Error ? error.stack : error}`);
      assert.match(error.message, /^[^\n]{20,1000}[.]$/, `turn ${turn}`);
      refused += 1;
    }
    slowest = Math.max(slowest, (performance.now() - began) / 1e3);
  }
  console.log(`${refused} refused in a sentence, ${opened} opened; the slowest took ${slowest.toFixed(2)} s`);
  assert.ok(refused > TURNS / 2 && opened > 0);
  assert.ok(slowest < LONGEST_S, `${slowest} s`);
});
