/** The manifest of a bundle: what it says, and the strict schema by which it is read. */

import type { Criterion } from "../core/exits.js";
import type { Fit } from "../pixels/fitting.js";
import type { ChangeFrom } from "../pixels/motion.js";
import { count, list, matching, object, oneOf, optional, positive, real, share, table, text, whole } from "./schema.js";

export type Stage = "glance" | "policy" | "focus";
export type Part = "encode" | "join";

export interface TensorSpec {
  name: string;
  shape: number[];
  dtype: "float32" | "float16" | "int8" | "uint8" | "int32";
  scale: number | null;
  zero_point: number | null;
}

export interface FileRecord {
  file: string;
  sha256: string;
  bytes: number;
}

export interface GraphFile extends FileRecord {
  precision: "fp32" | "fp16" | "int8";
  inputs: TensorSpec[];
  outputs: TensorSpec[];
  macs: number;
}

/** Where a bundle says nothing, boxes lie in the centre `square`, the glance sees it too, and a `network` decides. */
export interface Geometry {
  variant: "long" | "tsm" | "x3d";
  glance_frames: number;
  candidate_frames: number;
  focus_frames: number;
  frame_size: number;
  short_side: number;
  glance_size: number;
  patch_size: number;
  mean: number[];
  std: number[];
  boxes_in: "square" | "frame";
  glance_fit: Fit;
  policy: "network" | "motion";
  focus_span: "weights" | "spread" | "densest";
  change_from: ChangeFrom;
  box_min: number | null;
}

export interface ExitBudget {
  unit: "GMAC" | "ms" | "J";
  budget: number;
  thresholds: number[];
}

export interface Exits {
  criterion: Criterion;
  temperature: number;
  budgets: ExitBudget[];
}

export interface Golden {
  source: string;
  runtime: string;
  frames: FileRecord;
  answers: FileRecord;
  label?: string | null;
}

export type Graphs = Record<string, GraphFile>;

export interface Manifest {
  schema_version: 1;
  name: string;
  preset: string;
  geometry: Geometry;
  labels: string[];
  stages: Partial<Record<Stage, Graphs>>;
  incremental: Partial<Record<Part, Graphs>>;
  exits: Exits;
  golden: Golden;
}

export const VERSION = 1;
export const STAGES: readonly Stage[] = ["glance", "policy", "focus"];
export const PARTS: readonly Part[] = ["encode", "join"];
const RUNTIMES = oneOf("litert", "tflite", "onnx", "executorch", "coreml");

const MAX_SIDE_PX = 4096;
const MAX_FRAMES = 4096;

const sha256 = matching(/^[0-9a-f]{64}$/, "64 digits of a SHA-256, in small letters");
const fingerprints = matching(/^([0-9a-f]{12})*$/, "12 digits for each video");
const frames = whole(1, MAX_FRAMES);
const side = whole(1, MAX_SIDE_PX);
const name = text();
const fileRecord = object({ file: name, sha256, bytes: count });
const tensor = object(
  { name, shape: list(count), dtype: oneOf("float32", "float16", "int8", "uint8", "int32") },
  { scale: optional(real()), zero_point: optional(whole()) },
);
const graphs = table(
  RUNTIMES,
  object(
    {
      file: name,
      sha256,
      bytes: count,
      precision: oneOf("fp32", "fp16", "int8"),
      inputs: list(tensor),
      outputs: list(tensor),
      macs: count,
    },
    {
      proved_by: oneOf("runtime", "evaluator"),
      delegates: optional(whole(0, 2 ** 53)),
      delegated_share: optional(share),
    },
  ),
);
const deviation = real(1e-6, 1e6);
const geometry = object(
  {
    variant: oneOf("long", "tsm", "x3d"),
    glance_frames: frames,
    candidate_frames: frames,
    focus_frames: frames,
    frame_size: side,
    short_side: side,
    glance_size: side,
    patch_size: side,
    mean: list(share, 3),
    std: list(deviation, 3),
  },
  {
    boxes_in: oneOf("square", "frame"),
    glance_fit: oneOf("square", "squeezed", "padded"),
    policy: oneOf("network", "motion"),
    focus_span: oneOf("weights", "spread", "densest"),
    change_from: oneOf("previous", "median"),
    box_min: optional(positive(1)),
  },
);
const budget = object(
  { unit: oneOf("GMAC", "ms", "J"), budget: real(), thresholds: list(real()) },
  {
    expected_accuracy: optional(share),
    expected_error: optional(real()),
    expected_error_spread: optional(real(0)),
  },
);
const calibration = object(
  { dataset: name, split: name, n: count, groups: count, runtime: RUNTIMES, family: name },
  { clips: optional(fingerprints) },
);
const exits = object(
  {},
  {
    criterion: oneOf("softmax", "logit", "entropy"),
    temperature: positive(),
    budgets: list(budget),
    calibration: optional(calibration),
  },
);

/** Refuses a value that is no manifest. */
export const MANIFEST = object(
  {
    schema_version: whole(VERSION, VERSION),
    name,
    preset: name,
    geometry,
    labels: list(text(1)),
    stages: table(oneOf(...STAGES), graphs),
    golden: object(
      { source: name, runtime: RUNTIMES, frames: fileRecord, answers: fileRecord },
      { label: optional(name) },
    ),
    provenance: object(
      { model: name, model_sha256: sha256, packages: table(name, name) },
      { created: optional(name), seen: optional(fingerprints) },
    ),
  },
  {
    incremental: table(oneOf(...PARTS), graphs),
    exits,
    measured: list(object({ dataset: name, split: name, n: count, metric: name, value: real() })),
  },
);

type Told = { geometry: Partial<Geometry>; exits?: Partial<Exits> };

/** Put in what a checked manifest leaves out. */
export function completed(told: unknown): Manifest {
  const found = told as Told;
  return {
    incremental: {},
    ...found,
    geometry: {
      boxes_in: "square",
      glance_fit: "square",
      policy: "network",
      focus_span: "weights",
      change_from: "previous",
      box_min: null,
      ...found.geometry,
    },
    exits: { criterion: "softmax", temperature: 1, budgets: [], ...found.exits },
  } as Manifest;
}

/** The stages that a geometry has graphs for, in the order in which they run. */
export function stageNames(of: Geometry): readonly Stage[] {
  return of.policy === "motion" ? STAGES.filter((stage) => stage !== "policy") : STAGES;
}

/** Every file that a manifest names. */
export function filesOf(manifest: Manifest): FileRecord[] {
  const kinds = [...Object.values(manifest.stages), ...Object.values(manifest.incremental)];
  const all = kinds.flatMap((found) => Object.values(found));
  return [...all, manifest.golden.frames, manifest.golden.answers];
}

/** The runtimes for which all stages are present. */
export function runtimesOf(manifest: Manifest): string[] {
  const wanted = stageNames(manifest.geometry);
  const known = Object.keys(manifest.stages.glance ?? {});
  return known.filter((runtime) => wanted.every((stage) => manifest.stages[stage]?.[runtime]));
}

/** Multiply-accumulates of a stage, 0 where it has no graph. */
export function macsOf(manifest: Pick<Manifest, "stages">, stage: Stage): number {
  return Object.values(manifest.stages[stage] ?? {})[0]?.macs ?? 0;
}

/** Multiply-accumulates of a clip that stops at each exit; one inside a call of the focus costs the whole call. */
export function exitMacs(
  manifest: { labels: string[]; geometry: { focus_frames: number }; stages: Manifest["stages"] },
  focus: Pick<GraphFile, "inputs" | "outputs">,
): number[] {
  const atOnce = focus.inputs.find((spec) => spec.name === "patches")!.shape[0]!;
  const logits = focus.outputs.find((spec) => spec.name === "logits")!.shape;
  const perCall = Math.floor(product(logits) / manifest.labels.length);
  const [glance, each] = [macsOf(manifest, "glance"), macsOf(manifest, "focus")];
  const before = glance + macsOf(manifest, "policy");
  const found = [glance];
  for (let call = 1; call <= Math.ceil(manifest.geometry.focus_frames / atOnce); call++) {
    for (let exit = 0; exit < perCall; exit++) found.push(before + call * each);
  }
  return found;
}

export function product(shape: readonly number[]): number {
  return shape.reduce((total, length) => total * length, 1);
}
