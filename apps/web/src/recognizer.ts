/** Recognizes clips, video files and live streams with a bundle's graphs in LiteRT. */

import { stageNames, type Manifest, type Stage } from "./bundle/manifest.js";
import type { Bundle } from "./bundle/bundle.js";
import { AdafocusError } from "./core/errors.js";
import { best, calibratedCurve, learnedCurve, softmax, type Curve } from "./core/exits.js";
import { Recognizer as Core, type Clip, type Prediction } from "./core/recognizer.js";
import { Schedule, Smoother, type Smoothed } from "./core/streams.js";
import type { Graph, LiteRt } from "./runtimes/litert.js";
import { readClip, type ReadClip } from "./video/clip.js";
import { VideoFile } from "./video/file.js";
import { LiveWindow } from "./video/live.js";
import { planesOf, UPRIGHT } from "./video/planes.js";

export const RUNTIME = "litert";
const HOP_S = 1;
/** Share of the time that may be spent on computing. */
const DUTY = 0.7;
const SMOOTHING = { timeConstant: 2, enter: 0.3, leave: 0.15, windows: 2, seconds: 0 };

export type RunningMode = "CLIP" | "VIDEO" | "LIVE_STREAM";

export interface Options {
  /** What the recognizer is asked for: one clip at a time, files, or frames of a camera as they come. */
  runningMode: RunningMode;
  /** From 0 (stop at the glance) to 1 (never stop early). */
  position?: number;
  /** Called for every answer of a live stream. */
  resultListener?: (answer: Answer, live: Smoothed) => void;
  /** Called where a live stream cannot go on with a frame; it goes on with the next. */
  errorListener?: (error: Error) => void;
}

/** Milliseconds by what they were spent on: decoding, the networks, and all around them (`pixels`). */
export type Timing = Record<"decode" | Stage | "pixels" | "total", number>;

export interface Answer {
  prediction: Prediction;
  /** Labels and their probabilities, the best first. */
  top: [string, number][];
  /** Exits that a clip has. */
  exits: number;
  /** Multiply-accumulates of a clip that goes all the way. */
  mostMacs: number;
  timingMs: Timing;
  warnings: string[];
  clip: Clip;
  shown: ReadClip["shown"];
  /** When a frame is shown, in seconds; null in a live stream. */
  moment: ((number: number) => number) | null;
}

export class VideoRecognizer {
  /** How often each graph was called. */
  readonly calls: Record<Stage, number> = { glance: 0, policy: 0, focus: 0 };
  private readonly core: Core;
  private readonly curve: Curve;
  private spent: Partial<Record<Stage, number>> = {};
  private live: LiveWindow | null = null;
  private smoother = new Smoother(SMOOTHING);
  private schedule = new Schedule(HOP_S, DUTY);
  private busy = false;

  private constructor(
    readonly manifest: Manifest,
    private readonly graphs: Map<Stage, Graph>,
    private options: Options,
  ) {
    this.core = new Core(manifest, RUNTIME, async (stage, inputs) => {
      const started = performance.now();
      const outputs = await this.graphs.get(stage)!.run(inputs);
      this.spent[stage] = (this.spent[stage] ?? 0) + performance.now() - started;
      this.calls[stage] += 1;
      return outputs;
    });
    this.curve = curveOf(manifest, this.core.exitMacs);
  }

  /** Open the graphs of a bundle; each is checked against the manifest. `opening` is called before each of them. */
  static async createFromOptions(
    bundle: Bundle,
    runtime: LiteRt,
    options: Options,
    opening: () => void = () => undefined,
  ): Promise<VideoRecognizer> {
    const graphs = new Map<Stage, Graph>();
    try {
      for (const stage of stageNames(bundle.manifest.geometry)) {
        const record = bundle.manifest.stages[stage]?.[RUNTIME];
        if (!record) {
          throw new AdafocusError(
            `The bundle has no ${stage} graph for LiteRT. Convert it: adafocus export --device web`,
          );
        }
        const content = await bundle.read(record);
        opening();
        graphs.set(stage, await runtime.open(content, record, `The ${stage} graph`));
      }
      return new VideoRecognizer(bundle.manifest, graphs, options);
    } catch (error) {
      graphs.forEach((graph) => graph.close());
      throw error;
    }
  }

  /** Change some options; another running mode begins anew. */
  setOptions(options: Partial<Options>): void {
    if (options.runningMode && options.runningMode !== this.options.runningMode) this.live = null;
    this.options = { ...this.options, ...options };
  }

  /** Multiply-accumulates of a clip that stops at each exit. */
  get exitMacs(): number[] {
    return this.core.exitMacs;
  }

  /** Seconds from one frame that a live stream keeps to the next. */
  get period(): number {
    return (this.live ?? new LiveWindow(this.manifest.geometry)).period;
  }

  /** Recognize a clip; `thresholds` in the place of those of the position. */
  async recognize(clip: Clip, thresholds?: readonly number[] | null): Promise<Answer> {
    this.expect("CLIP");
    const shown = (number: number): ReturnType<ReadClip["shown"]> => {
      const place = clip.candidateIndices.indexOf(number);
      return { picture: clip.candidates[Math.max(place, 0)]!(), whole: this.manifest.geometry.boxes_in === "frame" };
    };
    return this.answer({ clip, shown }, performance.now(), 0, [], null, thresholds);
  }

  /** Recognize a video file. */
  async recognizeVideo(file: Blob, name: string): Promise<Answer> {
    this.expect("VIDEO");
    const started = performance.now();
    const video = await VideoFile.open(file, name);
    const read = await readClip(video, this.manifest.geometry);
    const { frameCount, edges } = video.timeline;
    const moment = (number: number): number => video.edges?.[number] ?? (number * edges[frameCount]!) / frameCount;
    return this.answer(read, started, performance.now() - started, video.warnings, moment);
  }

  /** Take a frame of a live stream, and let go of it; answers come by the listener. */
  async addFrame(frame: VideoFrame, timestampMs: number): Promise<void> {
    try {
      this.expect("LIVE_STREAM");
      if (!this.live) {
        this.live = new LiveWindow(this.manifest.geometry);
        this.smoother = new Smoother(SMOOTHING);
        this.schedule = new Schedule(HOP_S, DUTY);
      }
      // cameras say nothing of their colors
      const take = (): ReturnType<typeof planesOf> => planesOf(frame, { matrix: "bt601", fullRange: false }, UPRIGHT);
      const { restarts } = this.live;
      const kept = await this.live.push(timestampMs / 1000, take);
      if (this.live.restarts !== restarts) {
        this.smoother = new Smoother(SMOOTHING);
        this.schedule = new Schedule(HOP_S, DUTY);
      }
      if (!kept || this.busy) return;
      await this.answerLive(this.live, timestampMs / 1000);
    } catch (error) {
      this.options.errorListener?.(error as Error);
    } finally {
      frame.close();
    }
  }

  /** Frames of a live stream that came too late, and those that are held now. */
  get liveFrames(): { dropped: number; held: number } {
    return { dropped: this.live?.dropped ?? 0, held: this.live?.held ?? 0 };
  }

  close(): void {
    this.graphs.forEach((graph) => graph.close());
  }

  private async answerLive(live: LiveWindow, moment: number): Promise<void> {
    const started = performance.now();
    if (moment < this.schedule.due) return;
    const clip = live.clip();
    if (!clip) return;
    this.busy = true;
    try {
      const answer = await this.answer(clip, started, 0, [], null);
      this.schedule.finish(moment, moment + (performance.now() - started) / 1000);
      this.options.resultListener?.(answer, this.smoother.update(softmax(answer.prediction.logits), clip.end));
    } finally {
      this.busy = false;
    }
  }

  private async answer(
    read: ReadClip,
    started: number,
    decode: number,
    warnings: string[],
    moment: Answer["moment"],
    thresholds?: readonly number[] | null,
  ): Promise<Answer> {
    this.spent = {};
    const position = this.options.position ?? 1;
    const chosen = position >= 1 ? null : this.curve.thresholds(position);
    this.core.thresholds = thresholds === undefined ? chosen : thresholds;
    const prediction = await this.core.recognize(read.clip);
    this.curve.observe(prediction.confidences[0]!);
    const total = performance.now() - started;
    const { glance = 0, policy = 0, focus = 0 } = this.spent;
    const probabilities = softmax(prediction.logits);
    return {
      prediction,
      top: bestFew(this.manifest.labels, probabilities, 5),
      exits: this.core.exitMacs.length,
      mostMacs: this.core.exitMacs[this.core.exitMacs.length - 1]!,
      timingMs: { decode, glance, policy, focus, pixels: total - decode - glance - policy - focus, total },
      warnings,
      clip: read.clip,
      shown: read.shown,
      moment,
    };
  }

  private expect(mode: RunningMode): void {
    const { runningMode } = this.options;
    if (runningMode === mode) return;
    throw new AdafocusError(
      `The running mode is ${runningMode}, expected ${mode}. Change it: setOptions({ runningMode: "${mode}" })`,
    );
  }
}

/** The bundle's own table of thresholds, or a curve that is learned from the clips that come. */
function curveOf({ exits, labels }: Manifest, macs: readonly number[]): Curve {
  const rows = exits.budgets
    .filter(({ unit }) => unit === "GMAC")
    .map(({ budget, thresholds }) => [budget, thresholds] as const);
  if (!rows.length) return learnedCurve(macs.length - 1, exits.criterion, labels.length);
  return calibratedCurve(rows, macs[0]! / 1e9, macs[macs.length - 1]! / 1e9, exits.criterion, labels.length);
}

/** Labels with the largest probabilities, the best first; of equal ones the earlier. */
export function bestFew(
  labels: readonly string[],
  probabilities: readonly number[],
  count: number,
): [string, number][] {
  const left = [...probabilities];
  return Array.from({ length: Math.min(count, labels.length) }, () => {
    const place = best(left);
    left[place] = -Infinity;
    return [labels[place]!, probabilities[place]!];
  });
}
