/** One clip from its frames to a prediction: glance, maybe stop, decide, cut, focus. */

import { exitMacs, type Exits, type Geometry, type GraphFile, type Stage, type TensorSpec } from "../bundle/manifest.js";
import { AdafocusError } from "./errors.js";
import { best, confidence, softmax, stops } from "./exits.js";
import { fitFrame, fitGlance, shrink, shrinkFactor } from "../pixels/fitting.js";
import { asFractions, boxesInRoom, selectFrames, wholePixels, type Box, type Size } from "./looking.js";
import { cellsOf, changeMaps, densestRun, motionBox, type Changes } from "../pixels/motion.js";
import { nearest } from "./numbers.js";
import { cropPatch, cutPatch, resizeBilinear } from "../pixels/patches.js";
import type { Color, Picture } from "../pixels/picture.js";
import { framesAt, uniformIndices } from "./sampling.js";
import { applyTable, convert, dequantize, pixelTable, type Form, type Values } from "./tensors.js";

/** What the recognizer needs of a bundle's manifest. */
export interface Manifest {
  geometry: Geometry;
  labels: string[];
  stages: Partial<Record<Stage, Record<string, GraphFile>>>;
  exits: Pick<Exits, "criterion" | "temperature">;
}

export type Tensors = Record<string, Values>;

/** Runs one stage; the arrays are in the graph's own types. */
export type RunStage = (stage: Stage, inputs: Tensors) => Promise<Tensors>;

export interface StageCall {
  stage: Stage;
  inputs: Tensors;
  outputs: Tensors;
}

/** The frames of a clip as they are kept; candidates are made when somebody looks at them. All have one size. */
export interface Clip {
  glanceIndices: number[];
  candidateIndices: number[];
  glance: Picture[];
  candidates: (() => Picture)[];
}

export interface Prediction {
  label: string;
  score: number;
  exitStage: Stage;
  exitIndex: number;
  confidences: number[];
  logits: Float32Array;
  candidates: number[];
  frameIndices: number[];
  boxes: Box[];
  boxesPx: Box[];
  patches: Picture[];
  calls: StageCall[];
  macs: number;
}

/** The color that stands for what lies outside of a frame. */
export function meanColor(geometry: Geometry): Color {
  return geometry.mean.map((value) => nearest(255 * value)) as unknown as Color;
}

/** Which frames of a video a clip is made of; `edges` says when each appears where the rate varies. */
export function clipIndices(
  geometry: Geometry,
  frameCount: number,
  edges: readonly number[] | null = null,
): { glance: number[]; candidates: number[] } {
  const spread = (count: number): number[] => framesAt(0, frameCount, count, edges);
  return { glance: spread(geometry.glance_frames), candidates: spread(geometry.candidate_frames) };
}

/** Make a clip; `keptOf` gives kept frames by their numbers, each of which is asked for once. */
export function clipOf(
  geometry: Geometry,
  indices: { glance: number[]; candidates: number[] },
  keptOf: (number: number) => Picture,
): Clip {
  const kept = new Map<number, Picture>();
  const keep = (number: number): Picture => {
    const found = kept.get(number) ?? keptOf(number);
    kept.set(number, found);
    return found;
  };
  return {
    glanceIndices: indices.glance,
    candidateIndices: indices.candidates,
    glance: indices.glance.map((number) => glanceFrame(geometry, keep(number))),
    candidates: indices.candidates.map((number) => () => keep(number)),
  };
}

/** The centre square of a frame, or the whole of it, shrunk where all would take too much. */
export function keptFrame(geometry: Geometry, frame: Picture): Picture {
  if (geometry.boxes_in !== "frame") return fitFrame(frame, geometry.frame_size, geometry.short_side);
  return shrink(frame, shrinkFactor(frame.height, frame.width, geometry.candidate_frames));
}

/** What the glance sees of a kept frame. */
export function glanceFrame(geometry: Geometry, frame: Picture): Picture {
  const size = geometry.glance_size;
  if (geometry.boxes_in === "frame") {
    const share = geometry.frame_size / geometry.short_side;
    return fitGlance(frame, geometry.glance_fit, size, share, meanColor(geometry));
  }
  return frame.height === size ? frame : resizeBilinear(frame, size, size);
}

/** Recognizes clips with the graphs of one bundle. */
export class Recognizer {
  /** Confidence at which each exit but the last is taken; null: never stop early. */
  thresholds: readonly number[] | null = null;
  readonly exitMacs: number[];

  constructor(
    readonly manifest: Manifest,
    readonly runtime: string,
    private readonly run: RunStage,
  ) {
    const focus = manifest.stages.focus?.[runtime];
    if (!focus) throw new AdafocusError(`The bundle has no graphs for ${runtime}. Convert the model for it.`);
    this.exitMacs = exitMacs(manifest, focus);
  }

  async recognize(clip: Clip): Promise<Prediction> {
    const { labels, exits } = this.manifest;
    const calls: StageCall[] = [];
    const confidences: number[] = [];
    const found = { candidates: [] as number[], boxesPx: [] as Box[], patches: [] as Picture[] };
    let logits: Float32Array = new Float32Array(0);
    const call = async (stage: Stage, inputs: Tensors): Promise<Tensors> => {
      const outputs = await this.run(stage, inputs);
      calls.push({ stage, inputs, outputs });
      return outputs;
    };
    const passes = (stage: Stage, name: string, values: Values): boolean => {
      logits = dequantize(values, this.spec(stage, "outputs", name));
      confidences.push(confidence(logits, exits.criterion, exits.temperature));
      return stops(confidences[confidences.length - 1]!, confidences.length - 1, this.thresholds);
    };
    let outputs = await call("glance", { frames: this.pixels("glance", "frames", clip.glance) });
    if (!passes("glance", "glance_logits", outputs["glance_logits"]!)) {
      const advice = this.manifest.stages.policy
        ? await call("policy", { features: this.handed("glance", outputs, "features", "policy") })
        : null;
      const look = this.look(clip, advice);
      const atOnce = this.spec("focus", "inputs", "patches").shape[0]!;
      let source: Stage = "glance";
      focus: for (let start = 0; start < look.chosen.length; start += atOnce) {
        const places = look.chosen.slice(start, start + atOnce);
        const patches = places.map((place, turn) => this.cut(clip.candidates[place]!(), look.boxes[start + turn]!));
        found.candidates.push(...places);
        found.boxesPx.push(...look.boxes.slice(start, start + atOnce));
        found.patches.push(...patches);
        const context = this.handed(source, outputs, "context", "focus");
        outputs = await call("focus", { patches: this.pixels("focus", "patches", patches), context });
        source = "focus";
        const rows = outputs["logits"]!;
        for (let row = 0; row < rows.length; row += labels.length) {
          if (passes("focus", "logits", rows.slice(row, row + labels.length))) break focus;
        }
      }
    }
    const winner = best(logits);
    const exitIndex = confidences.length - 1;
    return {
      ...found,
      label: labels[winner]!,
      score: softmax(logits)[winner]!,
      exitStage: calls[calls.length - 1]!.stage,
      exitIndex,
      confidences,
      logits,
      frameIndices: found.candidates.map((place) => clip.candidateIndices[place]!),
      boxes: found.boxesPx.map((box, turn) => {
        const { height, width } = clip.candidates[found.candidates[turn]!]!();
        return asFractions([box], [height, width])[0]!;
      }),
      calls,
      macs: this.exitMacs[exitIndex]!,
    };
  }

  private spec(stage: Stage, side: "inputs" | "outputs", name: string): TensorSpec & Form {
    const spec = this.manifest.stages[stage]?.[this.runtime]?.[side].find((one) => one.name === name);
    if (!spec || spec.dtype === "float16" || spec.dtype === "int32") {
      const found = spec ? `is ${spec.dtype}` : "is missing";
      throw new AdafocusError(`The tensor ${name} of the ${stage} ${found}, expected int8, uint8 or float32.`);
    }
    return { ...spec, dtype: spec.dtype };
  }

  private pixels(stage: Stage, name: string, frames: readonly Picture[]): Values {
    const [{ mean, std }, spec] = [this.manifest.geometry, this.spec(stage, "inputs", name)];
    return applyTable(pixelTable(mean, std, spec), spec.dtype, frames);
  }

  private handed(source: Stage, outputs: Tensors, name: string, stage: Stage): Values {
    return convert(outputs[name]!, this.spec(source, "outputs", name), this.spec(stage, "inputs", name));
  }

  private cut(frame: Picture, box: Box): Picture {
    const { geometry } = this.manifest;
    const share = asFractions([box], [frame.height, frame.width])[0]!;
    const cut = geometry.boxes_in === "frame" ? cutPatch : cropPatch;
    return cut(frame, share, geometry.patch_size, meanColor(geometry));
  }

  /** Choose candidates, and place a box on each, in pixels. */
  private look(clip: Clip, advice: Tensors | null): { chosen: number[]; boxes: Box[] } {
    const { geometry } = this.manifest;
    const [total, count] = [geometry.candidate_frames, geometry.focus_frames];
    const span = geometry.focus_span;
    const changed = (): { changes: Changes; size: Size; densest: (side: number) => number[] } => {
      const frames = clip.candidates.map((candidate) => candidate());
      const size: Size = [frames[0]!.height, frames[0]!.width];
      const changes = changeMaps(frames, geometry.change_from);
      return { changes, size, densest: (side) => densestRun(changes, count, cellsOf(side, size).cells) };
    };
    if (geometry.policy === "motion") {
      const { changes, size, densest } = changed();
      const side = geometry.box_min!;
      const chosen = span === "densest" ? densest(side) : uniformIndices(total, count);
      const box = motionBox(changes, size, side, chosen[0]!, chosen[chosen.length - 1]!);
      return { chosen, boxes: chosen.map(() => box) };
    }
    const chosen = {
      weights: () => selectFrames(this.advised(advice!, "frame_weights"), total, count),
      spread: () => uniformIndices(total, count),
      densest: () => changed().densest(geometry.box_min ?? Math.min(1, geometry.patch_size / geometry.frame_size)),
    }[span]();
    const { height, width } = clip.candidates[chosen[0]!]!();
    const given: Box[] = [];
    const raw = this.advised(advice!, "boxes");
    for (let place = 0; place < raw.length; place += 4) given.push(raw.slice(place, place + 4) as Box);
    const size: Size = [height, width];
    const placed = geometry.boxes_in === "frame" ? boxesInRoom(given, size) : wholePixels(given, size, 0);
    return { chosen, boxes: chosen.map((place) => placed[placed.length === 1 ? 0 : place]!) };
  }

  /** What the policy network says, which must be numbers to name places in time and space. */
  private advised(advice: Tensors, name: string): number[] {
    const values = Array.from(dequantize(advice[name]!, this.spec("policy", "outputs", name)));
    if (!values.every(Number.isFinite)) {
      throw new AdafocusError(`The policy gives NaN or infinity as ${name}, expected finite numbers. Convert the model again.`);
    }
    return values;
  }
}
