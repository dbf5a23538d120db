/** One clip from its frames to a prediction: glance, maybe stop, decide, cut, focus. */

import { confidence, best, softmax, stops, type Criterion } from "./exits.js";
import { fitFrame, fitGlance, shrink, shrinkFactor, type Fit } from "./fitting.js";
import { asFractions, boxesInRoom, selectFrames, wholePixels, type Box, type Size } from "./looking.js";
import { cellsOf, changeMaps, densestRun, motionBox } from "./motion.js";
import { nearest } from "./numbers.js";
import { cropPatch, cutPatch, resizeBilinear } from "./patches.js";
import type { Color, Picture } from "./picture.js";
import { uniformIndices } from "./sampling.js";
import { applyTable, convert, dequantize, pixelTable, type Form, type Values } from "./tensors.js";

export type Stage = "glance" | "policy" | "focus";

export interface TensorSpec extends Form {
  name: string;
  shape: number[];
}

export interface GraphFile {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  macs: number;
}

export interface Geometry {
  glance_frames: number;
  candidate_frames: number;
  focus_frames: number;
  frame_size: number;
  short_side: number;
  glance_size: number;
  patch_size: number;
  mean: number[];
  std: number[];
  boxes_in?: "square" | "frame";
  glance_fit?: Fit;
  policy?: "network" | "motion";
  focus_span?: "weights" | "spread" | "densest";
  box_min?: number;
}

/** What the recognizer needs of a bundle's manifest. */
export interface Manifest {
  geometry: Geometry;
  labels: string[];
  stages: Partial<Record<Stage, Record<string, GraphFile>>>;
  exits: { criterion: Criterion; temperature: number };
}

export type Tensors = Record<string, Values>;

/** Runs one stage; the arrays are in the graph's own types. */
export type RunStage = (stage: Stage, inputs: Tensors) => Promise<Tensors>;

export interface StageCall {
  stage: Stage;
  inputs: Tensors;
  outputs: Tensors;
}

/** The frames of a clip as they are kept. All frames of a clip have one size. */
export interface Clip {
  glanceIndices: number[];
  candidateIndices: number[];
  glance: Picture[];
  candidates: Picture[];
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

/** Sample a video; `frameOf` gives its frames by their numbers, RGB. */
export function clipOf(geometry: Geometry, frameCount: number, frameOf: (number: number) => Picture): Clip {
  const glanceIndices = uniformIndices(frameCount, geometry.glance_frames);
  const candidateIndices = uniformIndices(frameCount, geometry.candidate_frames);
  const kept = new Map<number, Picture>();
  const keep = (number: number): Picture => {
    const found = kept.get(number) ?? keptFrame(geometry, frameOf(number));
    kept.set(number, found);
    return found;
  };
  return {
    glanceIndices,
    candidateIndices,
    glance: glanceIndices.map((number) => glanceFrame(geometry, keep(number))),
    candidates: candidateIndices.map(keep),
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
    return fitGlance(frame, geometry.glance_fit ?? "square", size, share, meanColor(geometry));
  }
  return frame.height === size ? frame : resizeBilinear(frame, size, size);
}

/** Multiply-accumulates of a clip that stops at each exit; one inside a call of the focus costs the whole call. */
export function exitMacs(manifest: Manifest, runtime: string): number[] {
  const graph = (stage: Stage): GraphFile | undefined => manifest.stages[stage]?.[runtime];
  const [glance, focus] = [graph("glance")!, graph("focus")!];
  const atOnce = focus.inputs.find((spec) => spec.name === "patches")!.shape[0]!;
  const logits = focus.outputs.find((spec) => spec.name === "logits")!.shape;
  const exits = Math.floor(logits.reduce((product, side) => product * side, 1) / manifest.labels.length);
  const before = glance.macs + (graph("policy")?.macs ?? 0);
  const found = [glance.macs];
  for (let call = 1; call <= Math.ceil(manifest.geometry.focus_frames / atOnce); call++) {
    for (let exit = 0; exit < exits; exit++) found.push(before + call * focus.macs);
  }
  return found;
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
    this.exitMacs = exitMacs(manifest, runtime);
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
        const patches = places.map((place, turn) => this.cut(clip.candidates[place]!, look.boxes[start + turn]!));
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
      boxes: found.boxesPx.map((box, turn) => asFractions([box], sizeOf(clip.candidates[found.candidates[turn]!]!))[0]!),
      calls,
      macs: this.exitMacs[exitIndex]!,
    };
    function sizeOf(frame: Picture): Size {
      return [frame.height, frame.width];
    }
  }

  private spec(stage: Stage, side: "inputs" | "outputs", name: string): TensorSpec {
    const spec = this.manifest.stages[stage]?.[this.runtime]?.[side].find((one) => one.name === name);
    if (!spec) throw new Error(`The ${stage} graph for ${this.runtime} has no tensor ${name}. Copy the bundle again.`);
    return spec;
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
    const size: Size = [clip.candidates[0]!.height, clip.candidates[0]!.width];
    const span = geometry.focus_span ?? "weights";
    if (geometry.policy === "motion") {
      const changes = changeMaps(clip.candidates);
      const side = geometry.box_min!;
      const chosen =
        span === "densest" ? densestRun(changes, count, cellsOf(side, size).cells) : uniformIndices(total, count);
      const box = motionBox(changes, size, side, chosen[0]!, chosen[chosen.length - 1]!);
      return { chosen, boxes: chosen.map(() => box) };
    }
    const chosen =
      span === "spread"
        ? uniformIndices(total, count)
        : selectFrames(Array.from(advice!["frame_weights"]!), total, count);
    const given: Box[] = [];
    const raw = advice!["boxes"]!;
    for (let place = 0; place < raw.length; place += 4) given.push(Array.from(raw.slice(place, place + 4)) as Box);
    const placed = geometry.boxes_in === "frame" ? boxesInRoom(given, size) : wholePixels(given, size, 0);
    return { chosen, boxes: chosen.map((place) => placed[placed.length === 1 ? 0 : place]!) };
  }
}
