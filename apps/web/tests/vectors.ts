/** Reads conformance vectors, and compares answers with them, as docs/conformance-vectors.md says. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { range } from "../src/core/numbers.js";
import type { Picture } from "../src/pixels/picture.js";
import type { Values } from "../src/core/tensors.js";

export const FOLDER = process.env["VECTORS"] ?? join(import.meta.dirname, "../../../conformance");
const [FORMAT, VERSION] = ["adafocus-conformance-vectors", 1];
const NUMBERS = 1e-9;

export type Json = any; // eslint-disable-line @typescript-eslint/no-explicit-any

export interface Vector {
  name: string;
  op: string;
  given: Json;
  expected: Json;
}

export function vectorsOf(file: string): Vector[] {
  const content = JSON.parse(readFileSync(join(FOLDER, file), "utf-8"));
  if (content.format !== FORMAT || content.version !== VERSION) throw new Error(`${file} is of another format`);
  return content.vectors.map((vector: Vector) => (vector.op === "bundle" ? whole(vector, content.vectors) : vector));
}

/** A bundle that is made of another one, as its own files or its own zip. */
function whole(vector: Vector, all: readonly Vector[]): Vector {
  const { given } = vector;
  if (!("of" in given)) return vector;
  const base = all.find((one) => one.name === given.of)!.given;
  if ("zip" in base) {
    let content = Buffer.from(base.zip, "base64");
    const last = [...given.splices].sort((one, other) => other[0] - one[0]);
    for (const [at, removed, added] of last) {
      content = Buffer.concat([content.subarray(0, at), Buffer.from(added, "base64"), content.subarray(at + removed)]);
    }
    return { ...vector, given: { zip: content.toString("base64") } };
  }
  let manifest = Buffer.from(base.files["manifest.json"], "base64").toString("utf-8");
  for (const [old, replaced] of given.replace ?? []) {
    if (!manifest.includes(old)) throw new Error(`the manifest of ${vector.name} has no ${old}`);
    manifest = manifest.replace(old, () => replaced);
  }
  const text = Buffer.from(manifest + (given.append ?? ""), "utf-8").toString("base64");
  const files = { ...base.files, "manifest.json": text, ...given.put };
  for (const name of given.drop ?? []) delete files[name];
  return { ...vector, given: { files } };
}

export function files(): string[] {
  return JSON.parse(readFileSync(join(FOLDER, "index.json"), "utf-8")).files.map((entry: Json) => entry.file);
}

/** Number `place` of the stream of a seed. */
function hashed(seed: number, place: number): number {
  let mixed = (place + Math.imul(seed, 0x9e3779b9)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Bytes and shape of an input array. */
export function bytesOf(told: Json): { shape: number[]; data: Uint8Array } {
  const size = told.shape.reduce((product: number, side: number) => product * side, 1);
  if ("noise" in told) {
    const data = new Uint8Array(size);
    for (let place = 0; place < size; place++) data[place] = hashed(told.noise, place) >>> 24;
    return { shape: told.shape, data };
  }
  if ("scene" in told) return { shape: told.shape, data: scenes(told) };
  return { shape: told.shape, data: new Uint8Array(Buffer.from(told.base64, "base64")) };
}

function scenes(told: Json): Uint8Array {
  const [count, height, width] = told.shape;
  const [top, left, side, down, right] = told.block;
  const data = new Uint8Array(count * height * width * 3);
  let place = 0;
  for (let n = 0; n < count; n++) {
    for (let r = 0; r < height; r++) {
      for (let k = 0; k < width; k++) {
        const [y, x] = [r - top - n * down, k - left - n * right];
        const block = y >= 0 && y < side && x >= 0 && x < side ? 90 : 0;
        for (let c = 0; c < 3; c++) {
          const grain = hashed(told.scene, (r * width + k) * 3 + c) >>> 27;
          data[place++] = (((3 * r + 2 * k + 40 * c) >> 1) & 127) + grain + block;
        }
      }
    }
  }
  return data;
}

/** Pictures of an input array; one where it has no count. */
export function picturesOf(told: Json): Picture[] {
  const { shape, data } = bytesOf(told);
  const [height, width] = shape.slice(-3) as [number, number];
  const size = height * width * 3;
  return range(data.length / size).map((n) => ({ height, width, data: data.slice(n * size, (n + 1) * size) }));
}

/** What a vector tells of an array of bytes or numbers. */
export function told(values: ArrayBufferView, shape: number[], dtype: string): Json {
  const content = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { shape, dtype, sha256: createHash("sha256").update(content).digest("hex") };
}

export function toldPicture(picture: Picture): Json {
  return told(picture.data, [picture.height, picture.width, 3], "uint8");
}

export function toldPictures(pictures: readonly Picture[], size: number): Json {
  const all = Buffer.concat(pictures.map((picture) => picture.data));
  return told(all, [pictures.length, size, size, 3], "uint8");
}

export function toldTensor(values: Values, shape: number[], dtype: string): Json {
  return dtype === "float32" ? { shape, dtype, values: Array.from(values) } : told(values, shape, dtype);
}

/** Places at which an answer differs from what is expected; what is not in the answer of an array is not compared. */
export function differences(expected: Json, found: Json, where = ""): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) return [`${where} has another length`];
    return expected.flatMap((one, place) => differences(one, found[place], `${where}[${place}]`));
  }
  if (expected !== null && typeof expected === "object") {
    if (found === null || typeof found !== "object") return [`${where} is ${String(found)}`];
    return Object.keys(expected).flatMap((name) => {
      // the digest says as much
      if ((name === "base64" || name === "samples") && "sha256" in expected) return [];
      if (name === "values" && "shape" in expected) {
        return differences(expected.values.flat(Infinity), found.values, `${where}.values`);
      }
      if (name === "samples") {
        return expected.samples.flatMap(([place, value]: [number, number]) =>
          differences(value, found.values[place], `${where}.samples`),
        );
      }
      return differences(expected[name], found[name], `${where}.${name}`);
    });
  }
  const near =
    typeof expected === "number" &&
    typeof found === "number" &&
    !Number.isInteger(expected) &&
    Math.abs(expected - found) <= Math.max(1e-12, NUMBERS * Math.abs(expected));
  const alike = near || expected === found || (expected === 0 && found === 0);
  // numbers that are told to ten digits may be whole ones by chance
  const close = typeof expected === "number" && typeof found === "number" && Math.abs(expected - found) <= 1e-12;
  return alike || close ? [] : [`${where} is ${String(found)}, expected ${String(expected)}`];
}
