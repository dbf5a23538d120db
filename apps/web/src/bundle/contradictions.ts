/** Parts of a manifest that cannot both be true. */

import {
  exitMacs,
  filesOf,
  macsOf,
  PARTS,
  product,
  runtimesOf,
  stageNames,
  type Geometry,
  type GraphFile,
  type Manifest,
  type Part,
  type Stage,
  type TensorSpec,
} from "./manifest.js";

const MAX_BUNDLE_BYTES = 2 ** 32 - 1;
const MAX_TENSOR_NUMBERS = 2 ** 27;
const MAX_CLIP_BYTES = 512 * 2 ** 20;
/** What the frames of a clip may take as they were decoded. */
const MAX_WAITING_BYTES = 64 * 2 ** 20;

const INPUTS: Record<Stage | Part, string[]> = {
  glance: ["frames"],
  policy: ["features"],
  focus: ["patches", "context"],
  encode: ["frames"],
  join: ["features"],
};
const OUTPUTS: Record<Stage | Part, string[]> = {
  glance: ["features", "glance_logits", "context"],
  policy: ["boxes", "frame_weights"],
  focus: ["logits"],
  encode: ["features"],
  join: ["glance_logits", "context"],
};
const RANGES: Record<string, readonly [number, number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

/** The first sentence on what contradicts itself, or null. */
export function firstContradiction(manifest: Manifest): string | null {
  const { value, done } = contradictions(manifest).next();
  return done ? null : value;
}

/** What follows a sentence relies on what it denies, so only the first counts. */
function* contradictions(manifest: Manifest): Generator<string, undefined> {
  yield* looking(manifest.geometry);
  const twice = repeated(manifest.labels);
  if (twice !== null) yield `the label '${twice}' stands there twice.`;
  const { stages, geometry } = manifest;
  const wanted = stageNames(geometry);
  const missing = wanted.filter((stage) => !Object.keys(stages[stage] ?? {}).length);
  if (missing.length) yield `it has no graph for ${missing.join(", ")}, expected ${wanted.join(", ")}.`;
  for (const stage of Object.keys(stages) as Stage[]) {
    if (!wanted.includes(stage)) {
      yield `it has a ${stage} graph, but its policy is motion, which has none, expected ${wanted.join(" and ")}.`;
    }
  }
  const whole = runtimesOf(manifest);
  if (!whole.length) yield "no runtime has a graph for every stage.";
  const total = filesOf(manifest).reduce((sum, record) => sum + record.bytes, 0);
  if (total > MAX_BUNDLE_BYTES) yield `its files have ${total} bytes, expected at most ${MAX_BUNDLE_BYTES}.`;
  for (const stage of wanted) {
    for (const [runtime, graph] of Object.entries(stages[stage]!)) {
      const outputs = OUTPUTS[stage].filter((name) => name !== "features" || wanted.includes("policy"));
      yield* tensors(`the ${stage} graph for ${runtime}`, stage, graph, outputs);
      yield* SHAPES[stage](geometry, manifest.labels.length, graph);
    }
  }
  for (const runtime of whole) yield* handing(manifest, runtime);
  yield* incremental(manifest, whole);
  yield* budgets(manifest);
  return undefined;
}

function* looking(geometry: Geometry): Generator<string> {
  const { focus_frames, candidate_frames, frame_size, short_side, glance_size, boxes_in } = geometry;
  if (focus_frames > candidate_frames) {
    yield `focus_frames is ${focus_frames}, expected at most ${candidate_frames} candidate frames.`;
  }
  if (frame_size > short_side)
    yield `frame_size is ${frame_size}, expected at most short_side, which is ${short_side}.`;
  const whole: [string, boolean][] = [
    [`glance_fit is '${geometry.glance_fit}'`, geometry.glance_fit !== "square"],
    ["policy is 'motion'", geometry.policy === "motion"],
    ["focus_span is 'densest'", geometry.focus_span === "densest"],
    ["change_from is 'median'", geometry.change_from === "median"],
  ];
  for (const [told, applies] of whole) {
    if (boxes_in === "square" && applies) yield `${told} with boxes_in 'square', expected boxes_in 'frame'.`;
  }
  if (geometry.policy === "motion") {
    if (geometry.focus_span === "weights")
      yield "focus_span is 'weights' with policy 'motion', which gives no weights.";
    if (geometry.box_min === null) yield "box_min is missing with policy 'motion', expected the side of a box.";
  }
  const kept = boxes_in === "square" ? 3 * candidate_frames * frame_size ** 2 : MAX_WAITING_BYTES;
  const needed = 3 * geometry.glance_frames * glance_size ** 2 + kept;
  if (needed > MAX_CLIP_BYTES) yield `one clip would take ${needed} bytes, expected at most ${MAX_CLIP_BYTES}.`;
}

/** The first of some names that stands there a second time, or null. */
function repeated(names: readonly string[]): string | null {
  return names.find((name, place) => names.indexOf(name) !== place) ?? null;
}

/** Names, sizes and number types of one graph's tensors; `wanted` are the outputs that it must have. */
function* tensors(told: string, kind: Stage | Part, graph: GraphFile, wanted: readonly string[]): Generator<string> {
  const [inputs, outputs] = [graph.inputs, graph.outputs].map((side) => side.map((spec) => spec.name)) as [
    string[],
    string[],
  ];
  if ([...inputs].sort().join() !== [...INPUTS[kind]].sort().join()) {
    yield `${told} has the inputs ${inputs.join(", ").slice(0, 100)}, expected ${INPUTS[kind].join(", ")}.`;
  }
  if (repeated(outputs) !== null) yield `${told} names an output twice.`;
  for (const name of wanted) if (!outputs.includes(name)) yield `${told} has no tensor '${name}'.`;
  for (const spec of [...graph.inputs, ...graph.outputs]) {
    if (product(spec.shape) > MAX_TENSOR_NUMBERS) {
      yield `${spec.name} of ${told} has the shape ${spec.shape}, expected at most ${MAX_TENSOR_NUMBERS} numbers.`;
    }
    if (!hasItsScale(spec)) {
      yield (
        `${spec.name} of ${told} is ${spec.dtype} with the scale ${spec.scale} and the zero point ` +
        `${spec.zero_point}; integers have both, within their range, and floats have none.`
      );
    }
  }
}

/** Whether a tensor has scale and zero point where it is of integers; int32 may have none. */
function hasItsScale({ dtype, scale = null, zero_point = null }: TensorSpec): boolean {
  const range = RANGES[dtype];
  if (scale === null && zero_point === null) return dtype === "int32" || range === undefined;
  if (scale === null || zero_point === null || range === undefined) return false;
  return scale > 0 && range[0] <= zero_point && zero_point <= range[1];
}

function shape(specs: readonly TensorSpec[], name: string): number[] | undefined {
  return specs.find((spec) => spec.name === name)?.shape;
}

function alike(one: readonly number[] | undefined, other: readonly number[]): boolean {
  return one?.join() === other.join();
}

type Shapes = (geometry: Geometry, classes: number, graph: GraphFile) => Generator<string>;

const SHAPES: Record<Stage, Shapes> = {
  *glance(geometry, classes, graph) {
    const frames = shape(graph.inputs, "frames");
    const wanted = [geometry.glance_frames, 3, geometry.glance_size, geometry.glance_size];
    if (!alike(frames, wanted))
      yield `frames of the glance graph have the shape ${frames}, but the geometry says ${wanted}.`;
    const logits = shape(graph.outputs, "glance_logits");
    if (!alike(logits, [1, classes])) yield `there are ${classes} labels, but glance_logits has the shape ${logits}.`;
  },
  *policy(geometry, _classes, graph) {
    const [boxes, weights] = [shape(graph.outputs, "boxes"), shape(graph.outputs, "frame_weights")];
    const each = [geometry.candidate_frames, 4];
    if (!alike(boxes, [1, 4]) && !alike(boxes, each)) yield `boxes have the shape ${boxes}, expected 1,4 or ${each}.`;
    if (!alike(weights, [geometry.glance_frames])) {
      yield `frame_weights have the shape ${weights}, expected ${geometry.glance_frames}.`;
    }
  },
  *focus(geometry, classes, graph) {
    const [patches, logits] = [shape(graph.inputs, "patches"), shape(graph.outputs, "logits") ?? []];
    const [frames, size] = [geometry.focus_frames, geometry.patch_size];
    if (patches === undefined || !alike(patches.slice(1), [3, size, size])) {
      yield `patches of the focus graph have the shape ${patches}, but patch_size says ${size} each.`;
    } else if (frames % patches[0]!) {
      yield `the focus takes ${patches[0]} patches at once, expected a divisor of ${frames}.`;
    } else if (frames > patches[0]! && !shape(graph.outputs, "context")) {
      yield `the focus is called ${frames / patches[0]!} times but hands on no context.`;
    }
    if (logits[logits.length - 1] !== classes) yield `there are ${classes} labels, but logits has the shape ${logits}.`;
  },
};

/** What one stage hands to the next has the shape that the next one takes. */
function* handing({ stages }: Manifest, runtime: string): Generator<string> {
  const handed: [string, Stage, Stage][] = [
    ["features", "glance", "policy"],
    ["context", "glance", "focus"],
    ["context", "focus", "focus"],
  ];
  for (const [name, source, taker] of handed) {
    const found = shape(stages[source]?.[runtime]?.outputs ?? [], name);
    const wanted = shape(stages[taker]?.[runtime]?.inputs ?? [], name);
    if (found && wanted && !alike(found, wanted)) {
      yield `${name} for ${runtime} is handed on with the shape ${found}, but taken with ${wanted}.`;
    }
  }
}

/** The parts of the glance: for one runtime both, and together what the glance graph is. */
function* incremental(manifest: Manifest, whole: readonly string[]): Generator<string> {
  const { incremental: extras, geometry, stages } = manifest;
  if (!Object.keys(extras).length) return;
  if (geometry.variant !== "long") {
    yield `it has an incremental glance, but only the long variant may; the variant is ${geometry.variant}.`;
  }
  const known = PARTS.map((part) => Object.keys(extras[part] ?? {}).sort());
  if (!known[0]!.length || known[0]!.join() !== known[1]!.join()) {
    yield "its incremental glance has no graph for encode or for join, expected one for each runtime and both.";
  }
  for (const part of PARTS) {
    for (const [runtime, graph] of Object.entries(extras[part] ?? {})) {
      if (!whole.includes(runtime))
        yield `it has an incremental glance for ${runtime}, but not a graph for every stage.`;
      const told = `the ${part} graph for ${runtime}`;
      yield* tensors(told, part, graph, OUTPUTS[part]);
      const glance = stages.glance![runtime]!;
      for (const spec of [...graph.inputs, ...graph.outputs]) {
        const ours = [...glance.inputs, ...glance.outputs].find((one) => one.name === spec.name);
        const wanted = part === "encode" ? [1, ...(ours?.shape.slice(1) ?? [])] : ours?.shape;
        const same =
          ours && ours.dtype === spec.dtype && ours.scale === spec.scale && ours.zero_point === spec.zero_point;
        if (!same || !alike(spec.shape, wanted!)) yield `${spec.name} of ${told} is not as in the glance graph.`;
      }
    }
  }
}

/** Each budget once, one that a clip can cost, with a threshold for every exit but the last. */
function* budgets(manifest: Manifest): Generator<string> {
  const seen: string[] = [];
  for (const { unit, budget, thresholds } of manifest.exits.budgets) {
    const told = `the budget of ${budget} ${unit}`;
    if (budget <= 0) yield `${told} is not above 0.`;
    if (seen.includes(told)) yield `${told} stands there twice.`;
    seen.push(told);
    for (const [runtime, graph] of Object.entries(manifest.stages.focus!)) {
      const macs = exitMacs(manifest, graph);
      if (thresholds.length !== macs.length - 1) {
        yield `${told} has ${thresholds.length} thresholds, expected ${macs.length - 1} for ${runtime}.`;
      }
      const [low, high] = [macsOf(manifest, "glance") / 1e9, macs[macs.length - 1]! / 1e9];
      if (unit === "GMAC" && !(low <= budget && budget <= high)) {
        yield `${told} cannot be met: a clip costs ${low.toPrecision(4)} to ${high.toPrecision(4)} GMAC.`;
      }
    }
  }
}
