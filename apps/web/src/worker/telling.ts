/** Answers as they are told to the page: numbers, digests, and pictures that can be drawn. */

import { sha256 } from "../bundle/digests.js";
import type { Geometry } from "../bundle/manifest.js";
import type { Box } from "../core/looking.js";
import type { StageCall, Tensors } from "../core/recognizer.js";
import { CHANNELS, type Picture } from "../pixels/picture.js";
import type { Answer } from "../recognizer.js";
import { joined } from "../selftest.js";
import type { Told, ToldFrame, ToldTensor } from "./messages.js";

const MAX_SHOWN_PX = 960;

/** Tell an answer; digests of all tensors only where they are wanted. */
export async function toldOf(answer: Answer, geometry: Geometry, tensors: boolean): Promise<Told> {
  const { prediction, clip } = answer;
  return {
    label: prediction.label,
    score: prediction.score,
    top: answer.top,
    exitStage: prediction.exitStage,
    exitIndex: prediction.exitIndex,
    exits: answer.exits,
    confidences: prediction.confidences,
    macs: prediction.macs,
    mostMacs: answer.mostMacs,
    timingMs: answer.timingMs,
    warnings: answer.warnings,
    frames: await framesOf(answer, geometry),
    details: {
      logits: prediction.logits,
      glanceIndices: clip.glanceIndices,
      candidateIndices: clip.candidateIndices,
      candidates: prediction.candidates,
      frameIndices: prediction.frameIndices,
      boxes: prediction.boxes,
      boxesPx: prediction.boxesPx,
      glanceSha256: await sha256(joined(clip.glance)),
      patchesSha256: await sha256(joined(prediction.patches)),
      calls: tensors ? await Promise.all(prediction.calls.map(toldCall)) : [],
    },
  };
}

async function toldCall({ stage, inputs, outputs }: StageCall): Promise<Told["details"]["calls"][number]> {
  return { stage, inputs: await toldTensors(inputs), outputs: await toldTensors(outputs) };
}

async function toldTensors(tensors: Tensors): Promise<Record<string, ToldTensor>> {
  const found: Record<string, ToldTensor> = {};
  for (const [name, values] of Object.entries(tensors)) {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    found[name] = { sha256: await sha256(bytes), values: values instanceof Float32Array ? values : null };
  }
  return found;
}

/** The frames that the focus looked at, or those of the glance where the clip stopped there. */
async function framesOf(answer: Answer, geometry: Geometry): Promise<ToldFrame[]> {
  const { prediction, clip, shown, moment } = answer;
  const looked = prediction.frameIndices.length > 0;
  const numbers = looked ? prediction.frameIndices : [...new Set(clip.glanceIndices)];
  return Promise.all(
    numbers.map(async (number, turn) => {
      const { picture, whole } = shown(number);
      const box = looked ? prediction.boxes[turn]! : null;
      return {
        number,
        moment: moment ? moment(number) : null,
        box: box && (whole ? inFrame(box, picture, geometry) : box),
        picture: await bitmapOf(picture),
      };
    }),
  );
}

/** A box of the centre square as fractions of the whole frame. */
function inFrame([y, x, height, width]: Box, frame: Picture, geometry: Geometry): Box {
  if (geometry.boxes_in === "frame") return [y, x, height, width];
  const side = (Math.min(frame.height, frame.width) * geometry.frame_size) / geometry.short_side;
  const [tall, wide] = [side / frame.height, side / frame.width];
  return [(1 - tall) / 2 + y * tall, (1 - wide) / 2 + x * wide, height * tall, width * wide];
}

function bitmapOf({ height, width, data }: Picture): Promise<ImageBitmap> {
  const pixels = new Uint8ClampedArray(height * width * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += CHANNELS, to += 4) {
    pixels[to] = data[from]!;
    pixels[to + 1] = data[from + 1]!;
    pixels[to + 2] = data[from + 2]!;
  }
  const share = Math.min(1, MAX_SHOWN_PX / Math.max(height, width));
  const size = { resizeWidth: Math.round(width * share), resizeHeight: Math.round(height * share) };
  return createImageBitmap(new ImageData(pixels, width, height), size);
}
