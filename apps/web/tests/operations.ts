/** What each operation of the vectors calls. */

import { Bundle, folder, zip } from "../src/bundle/bundle.js";
import * as digests from "../src/bundle/digests.js";
import { BundleError } from "../src/bundle/errors.js";
import { completed, exitMacs, filesOf, runtimesOf, type Manifest, type Stage } from "../src/bundle/manifest.js";
import * as averaging from "../src/pixels/averaging.js";
import * as exits from "../src/core/exits.js";
import * as fitting from "../src/pixels/fitting.js";
import * as looking from "../src/core/looking.js";
import * as motion from "../src/pixels/motion.js";
import * as patches from "../src/pixels/patches.js";
import * as recognizer from "../src/core/recognizer.js";
import * as sampling from "../src/core/sampling.js";
import * as streams from "../src/core/streams.js";
import * as tensors from "../src/core/tensors.js";
import { bytesOf, picturesOf, told, toldPicture, toldPictures, toldTensor, type Json } from "./vectors.js";

const picture = (given: Json) => picturesOf(given)[0]!;
const fractions = (boxes: looking.Box[], size: looking.Size) => ({
  boxes: looking.asFractions(boxes, size),
  pixels: boxes,
});
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

export const OPERATIONS: Record<string, (given: Json) => Json> = {
  uniform_indices: (g) => ({ indices: sampling.uniformIndices(g.total, g.count) }),
  frames_at: (g) => ({ indices: sampling.framesAt(g.first, g.last, g.count, g.edges_s) }),
  timeline: (g) => {
    const found = sampling.timelineOf({ ...g, timeBase: g.time_base[0] / g.time_base[1] });
    const edges = found.varies ? found.edges : null;
    return {
      frame_count: found.frameCount,
      edges_s: found.edges,
      varies: found.varies,
      fps: sampling.rateOf(found, g.stated_fps),
      indices: sampling.framesAt(0, found.frameCount, g.count, edges),
    };
  },
  select_frames: (g) => ({
    positions: looking.quantilePositions(g.weights, g.count),
    indices: looking.selectFrames(g.weights, g.candidates, g.count),
  }),
  decode_boxes: (g) => ({ boxes: looking.decodeBoxes(g.raw, g.min_side, g.max_side) }),
  boxes_in_room: (g) => fractions(looking.boxesInRoom(g.boxes, g.size), g.size),
  whole_pixels: (g) => fractions(looking.wholePixels(g.boxes, g.size, g.least), g.size),
  place_boxes: (g) => ({ boxes: looking.placeBoxes(g.boxes, g.name, g.shape, g.side) }),
  change_maps: (g) => {
    const frames = picturesOf(g.frames);
    const found = motion.changeMaps(frames, g.change_from);
    return {
      cell: motion.cellSize(frames[0]!.height, frames[0]!.width),
      maps: told(found.values, [found.count, found.rows, found.columns], "int32"),
      sum: found.values.reduce((total, change) => total + change, 0),
    };
  },
  motion: (g) => {
    const frames = picturesOf(g.frames);
    const size: looking.Size = [frames[0]!.height, frames[0]!.width];
    const changes = motion.changeMaps(frames, g.change_from);
    const box = motion.motionBox(changes, size, g.side, g.first, g.last);
    return { ...fractions([box], size), densest: motion.densestRun(changes, g.count, motion.cellsOf(g.side, size).cells) };
  },
  squares: (g) => {
    const [count, rows, columns] = [g.maps.length, g.maps[0].length, g.maps[0][0].length];
    const changes: motion.Changes = { count, rows, columns, values: Int32Array.from(g.maps.flat(2)) };
    return {
      found: g.side_cells_and_count.map(([side, frames]: [number, number]) => {
        const { top, left } = motion.bestSquare(motion.summed(changes, 0, count), rows, columns, side);
        return { corner: [top, left], run: motion.densestRun(changes, frames, side) };
      }),
    };
  },
  taps: (g) => {
    const found = patches.axisTaps(g.start, g.length, g.patch_size);
    return { first: Array.from(found.first), weights: Array.from(found.weights) };
  },
  crop_patch: (g) => ({ patch: toldPicture(patches.cropPatch(picture(g.frame), g.box, g.patch_size, g.fill)) }),
  cut_patch: (g) => ({ patch: toldPicture(patches.cutPatch(picture(g.frame), g.box, g.patch_size, g.fill)) }),
  average: (g) => ({ picture: toldPicture(averaging.average(picture(g.region), g.height, g.width)) }),
  resize_bilinear: (g) => ({ picture: toldPicture(patches.resizeBilinear(picture(g.picture), g.height, g.width)) }),
  fit_frame: (g) => ({ picture: toldPicture(fitting.fitFrame(picture(g.frame), g.frame_size, g.short_side)) }),
  fit_glance: (g) => ({
    picture: toldPicture(fitting.fitGlance(picture(g.frame), g.fit, g.size, g.share, g.fill)),
  }),
  shrink_factor: (g) => ({ factor: fitting.shrinkFactor(g.height, g.width, g.frames) }),
  shrink: (g) => ({ picture: toldPicture(fitting.shrink(picture(g.frame), g.factor)) }),
  pixel_table: (g) => ({ table: told(tensors.pixelTable(g.mean, g.std, g), [3, 256], g.dtype) }),
  apply_table: (g) => {
    const frames = picturesOf(g.frames);
    const shape = [frames.length, 3, frames[0]!.height, frames[0]!.width];
    return { tensor: told(tensors.applyTable(tensors.pixelTable(g.mean, g.std, g), g.dtype, frames), shape, g.dtype) };
  },
  quantize: (g) => ({ values: Array.from(tensors.quantize(g.values, g.to)) }),
  dequantize: (g) => ({ values: Array.from(tensors.dequantize(g.values, g.from)) }),
  convert: (g) => ({ values: Array.from(tensors.convert(g.values, g.from, g.to)) }),
  softmax: (g) => ({ probabilities: exits.softmax(g.logits, g.temperature) }),
  confidence: (g) => ({ confidence: exits.confidence(g.logits, g.criterion, g.temperature) }),
  threshold_curve: (g) => {
    const curve = curveOf(g, g.low, g.high, g.exits);
    g.observed.forEach((glance: number) => curve.observe(glance));
    return { thresholds: g.positions.map((position: number) => curve.thresholds(position)) };
  },
  controller: (g) => {
    const [low, high] = [g.exit_macs[0] / 1e9, g.exit_macs[g.exit_macs.length - 1] / 1e9];
    const controller = new exits.Controller(g.budget_gmac, low, high, curveOf(g, low, high, g.exit_macs.length - 1));
    const found = { thresholds: [] as number[], positions: [] as number[], costs: [] as number[] };
    for (const glance of g.glance_confidences) {
      const thresholds = controller.thresholds;
      found.thresholds.push(thresholds[0]!);
      found.positions.push(controller.position);
      found.costs.push(exits.stops(glance, 0, thresholds) ? low : high);
      controller.observe(glance, found.costs[found.costs.length - 1]!);
    }
    return found;
  },
  window: (g) => windowOf(g),
  steady_clock: (g) => {
    const clock = new streams.SteadyClock(g.fps);
    return { moments_s: g.stated_s.map((moment: number) => clock.moment(moment)) };
  },
  schedule: (g) => {
    const schedule = new streams.Schedule(g.hop_s, g.duty);
    const turns = g.turns.map(([started, finished]: [number, number]) => {
      const late = schedule.finish(started, finished);
      return { late_s: late, due_s: schedule.due, rest_s: schedule.rest(finished - started) };
    });
    return { turns };
  },
  smoothing: (g) => {
    const smoother = new streams.Smoother({ ...g, timeConstant: g.time_constant_s });
    const turns = g.probabilities.map((one: number[], n: number) => smoother.update(one, g.moments_s[n]));
    return { turns, before_reset: smoother.reset() };
  },
  sha256_of_file: async (g) => {
    const content = "base64" in g ? bytes(g.base64) : new Uint8Array(g.times).fill(bytes(g.repeated)[0]!);
    return { sha256: await digests.sha256(content), bytes: content.length };
  },
  sha256_of_folder: async (g) => {
    const files = new Map(Object.entries<string>(g.files).map(([name, text]) => [name, bytes(text)]));
    const size = [...files.values()].reduce((total, content) => total + content.length, 0);
    return { sha256: await digests.sha256OfFolder(files), bytes: size };
  },
  sha256_of_labels: async (g) => ({ sha256: await digests.sha256OfLabels(g.labels) }),
  sha256_of_patches: async (g) => ({ sha256: await digests.sha256(bytesOf(g.patches).data) }),
  bundle: (g) => openedOf(g),
  clip: (g) => clipOf(g),
};

async function openedOf(g: Json): Promise<Json> {
  try {
    const files = "zip" in g ? zip("bundle.zip", new Blob([bytes(g.zip)])) : Promise.resolve(folder("bundle", blobsOf(g.files)));
    const { manifest } = await Bundle.open(await files);
    return {
      name: manifest.name,
      labels: manifest.labels,
      runtimes: runtimesOf(manifest),
      files: filesOf(manifest).map((record) => record.file),
      exit_macs: exitMacs(manifest, manifest.stages.focus!["litert"]!),
      mean_color: recognizer.meanColor(manifest.geometry),
    };
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return { refused: error.kind, sentence: error.message };
  }
}

function blobsOf(files: Record<string, string>): Map<string, Blob> {
  return new Map(Object.entries(files).map(([name, text]) => [name, new Blob([bytes(text)])]));
}

function curveOf(g: Json, low: number, high: number, count: number): exits.Curve {
  if (!g.rows.length) return exits.learnedCurve(count, g.criterion, g.classes);
  return exits.calibratedCurve(g.rows, low, high, g.criterion, g.classes);
}

function windowOf(g: Json): Json {
  const window = new streams.SlidingWindow({
    candidateFrames: g.candidate_frames,
    glanceFrames: g.glance_frames,
    seconds: g.seconds,
    maxFps: g.max_fps,
    framesPerCandidate: g.frames_per_candidate,
    recurring: g.recurring,
  });
  const kept: number[] = [];
  const clips = new Map<number, Json>();
  g.moments_s.forEach((moment: number, number: number) => {
    if (!window.push(number, moment)) return;
    kept.push(number);
    clips.set(number, { after: number, full: toldClip(window.clip(false)), eager: toldClip(window.clip(true)) });
  });
  const chosen = new Set([...kept.slice(kept.length >> 1, (kept.length >> 1) + 1), ...kept.slice(-2)]);
  return {
    full_from: kept.find((number) => clips.get(number).full !== null) ?? null,
    kept,
    missed: window.missed,
    clips: [...chosen].sort((one, other) => one - other).map((number) => clips.get(number)),
  };
}

function toldClip(clip: streams.WindowClip | null): Json {
  if (clip === null) return null;
  return {
    candidates: clip.candidates.map((frame) => frame.number),
    glance: clip.glance.map((frame) => frame.number),
    glance_names: clip.glance.map((frame) => frame.name),
    start_s: clip.start,
    end_s: clip.end,
    filled: clip.filled,
    frames: clip.frames,
    oldest: clip.oldest,
  };
}

const ARRAYS = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array } as const;

async function clipOf(g: Json): Promise<Json> {
  const manifest: Manifest = completed(g.manifest);
  const { geometry } = manifest;
  const frames = picturesOf(g.frames);
  const clip = recognizer.clipOf(geometry, recognizer.clipIndices(geometry, frames.length), (number) =>
    recognizer.keptFrame(geometry, frames[number]!),
  );
  const graph = (stage: Stage) => manifest.stages[stage]!["litert"]!;
  const spec = (stage: Stage, side: "inputs" | "outputs", name: string) =>
    graph(stage)[side].find((one) => one.name === name)!;
  const recognize = async (thresholds: number[] | null) => {
    const left: Record<string, Json[]> = structuredClone(g.answers);
    const found = new recognizer.Recognizer(manifest, "litert", async (stage) =>
      Object.fromEntries(
        Object.entries<Json>(left[stage]!.shift()).map(([name, values]) => [
          name,
          ARRAYS[spec(stage, "outputs", name).dtype as keyof typeof ARRAYS].from(values.flat()),
        ]),
      ),
    );
    found.thresholds = thresholds;
    return { prediction: await found.recognize(clip), macs: found.exitMacs };
  };
  const { prediction, macs } = await recognize(null);
  const shaped = (stage: Stage, side: "inputs" | "outputs", values: recognizer.Tensors) =>
    Object.fromEntries(
      Object.entries(values).map(([name, one]) => {
        const { shape, dtype } = spec(stage, side, name);
        return [name, toldTensor(one, shape, dtype)];
      }),
    );
  const probabilities = exits.softmax(prediction.logits);
  const order = probabilities.map((_, place) => place).sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  return {
    glance_indices: clip.glanceIndices,
    candidate_frames: clip.candidateIndices,
    glance: toldPictures(clip.glance, geometry.glance_size),
    candidates: prediction.candidates,
    frame_indices: prediction.frameIndices,
    boxes: prediction.boxes,
    boxes_px: prediction.boxesPx,
    patches: toldPictures(prediction.patches, geometry.patch_size),
    calls: prediction.calls.map(({ stage, inputs, outputs }) => ({
      stage,
      inputs: shaped(stage, "inputs", inputs),
      outputs: shaped(stage, "outputs", outputs),
    })),
    top: order.slice(0, 3).map((place) => [manifest.labels[place], probabilities[place]]),
    exit_macs: macs,
    runs: await Promise.all(
      g.thresholds.map(async (thresholds: number[] | null) => {
        const run = (await recognize(thresholds)).prediction;
        return {
          calls: run.calls.map((call) => call.stage),
          exit_stage: run.exitStage,
          exit_index: run.exitIndex,
          confidences: run.confidences,
          frame_indices: run.frameIndices,
          label: run.label,
          score: run.score,
          macs: run.macs,
        };
      }),
    ),
  };
}

