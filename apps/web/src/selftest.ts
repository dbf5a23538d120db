/** The golden clip of a bundle: one real clip, and what every stage must give for it, number by number. */

import { readArrays, type StoredArray } from "./bundle/arrays.js";
import type { Bundle } from "./bundle/bundle.js";
import { sha256, sha256OfLabels } from "./bundle/digests.js";
import { BundleError } from "./bundle/errors.js";
import type { Manifest, Stage } from "./bundle/manifest.js";
import { range } from "./core/numbers.js";
import type { Clip } from "./core/recognizer.js";
import { uniformIndices } from "./core/sampling.js";
import type { Picture } from "./pixels/picture.js";
import type { VideoRecognizer } from "./recognizer.js";

const MAX_BYTES = 128 * 2 ** 20;
/** Floats may differ by so much of the largest one: processors add in another order. */
const TOLERANCE = 1e-4;

export interface SelfTest {
  label: string;
  tensors: number;
  /** Sentences on what is not as it should be. */
  broken: string[];
}

/** Run the golden clip all the way. */
export async function selfTest(bundle: Bundle, recognizer: VideoRecognizer): Promise<SelfTest> {
  const { golden } = bundle.manifest;
  const frames = await readArrays(golden.frames.file, await bundle.read(golden.frames), MAX_BYTES);
  const answers = await readArrays(golden.answers.file, await bundle.read(golden.answers), MAX_BYTES);
  recognizer.setOptions({ runningMode: "CLIP" });
  const { prediction } = await recognizer.recognize(clipOf(frames, bundle.manifest), null);
  const broken: string[] = [];
  const given = new Map<string, ArrayLike<number>>();
  const seen = new Map<Stage, number>();
  for (const { stage, outputs } of prediction.calls) {
    const call = (seen.get(stage) ?? 0) + 1;
    seen.set(stage, call);
    const place = call === 1 ? stage : `${stage}.${call}`;
    for (const [name, values] of Object.entries(outputs)) given.set(`${place}.${name}`, values);
  }
  let tensors = 0;
  for (const [name, { values }] of answers) {
    if (!name.includes(".")) continue;
    tensors += 1;
    const found = given.get(name);
    const problem = found ? difference(found, values) : "is missing";
    if (problem) broken.push(`${name} ${problem}.`);
  }
  const told = (name: string): string => Array.from(answers.get(name)?.values ?? [], Number).join();
  const hex = (name: string): string =>
    Array.from(answers.get(name)?.values ?? [], (byte) => Number(byte).toString(16).padStart(2, "0")).join("");
  const same = (name: string, found: string, wanted: string): void => {
    if (answers.has(name) && found !== wanted) broken.push(`${name} is another one.`);
  };
  same("frame_indices", prediction.candidates.join(), told("frame_indices"));
  same("boxes_px", prediction.boxesPx.flat().join(), told("boxes_px"));
  same("patches_sha256", await sha256(joined(prediction.patches)), hex("patches_sha256"));
  same("labels_sha256", await sha256OfLabels(bundle.manifest.labels), hex("labels_sha256"));
  if (golden.label && golden.label !== prediction.label)
    broken.push(`The label is ${prediction.label}, expected ${golden.label}.`);
  return { label: prediction.label, tensors, broken };
}

export function joined(pictures: readonly Picture[]): Uint8Array {
  const whole = new Uint8Array(pictures.reduce((sum, picture) => sum + picture.data.length, 0));
  let at = 0;
  for (const { data } of pictures) {
    whole.set(data, at);
    at += data.length;
  }
  return whole;
}

function clipOf(frames: Map<string, StoredArray>, manifest: Manifest): Clip {
  const [glance, candidates] = ["glance", "candidates"].map((name) => picturesOf(frames.get(name)));
  const { glance_frames, candidate_frames } = manifest.geometry;
  if (glance?.length !== glance_frames || candidates?.length !== candidate_frames) {
    throw new BundleError(
      "value",
      "The golden clip of the bundle has other frames than its geometry. Convert the model again.",
    );
  }
  return {
    glance,
    glanceIndices: uniformIndices(candidate_frames, glance_frames),
    candidates: candidates.map((picture) => () => picture),
    candidateIndices: range(candidate_frames),
  };
}

function picturesOf(array: StoredArray | undefined): Picture[] | undefined {
  if (!(array?.values instanceof Uint8Array) || array.shape.length !== 4 || array.shape[3] !== 3) return undefined;
  const [count, height, width] = array.shape as [number, number, number];
  const [size, values] = [height * width * 3, array.values];
  return range(count).map((place) => ({ height, width, data: values.subarray(place * size, (place + 1) * size) }));
}

/** What is wrong with a tensor, or null. */
function difference(found: ArrayLike<number>, wanted: ArrayLike<number>): string | null {
  if (found.length !== wanted.length) return `has ${found.length} numbers, expected ${wanted.length}`;
  const exact = !(wanted instanceof Float32Array);
  let [most, largest, count] = [0, 1e-12, 0];
  for (let place = 0; place < wanted.length; place++) {
    const away = Math.abs(found[place]! - wanted[place]!);
    most = Math.max(most, away);
    largest = Math.max(largest, Math.abs(wanted[place]!));
    if (away) count += 1;
  }
  if (!Number.isFinite(most)) return "holds numbers that are none";
  if (exact && count) return `differs in ${count} of ${wanted.length} numbers, by up to ${most} steps`;
  return !exact && most > TOLERANCE * largest ? `differs by up to ${(most / largest).toExponential(1)}` : null;
}
