/** Streams: the sliding window, the clock of a file, when windows are due, smoothed predictions. */

import { nearest, placesBefore, range, within } from "./numbers.js";

const TOLERANCE = 1e-3;
const UNUSUAL = 3;

export interface WindowOptions {
  candidateFrames: number;
  glanceFrames: number;
  seconds: number;
  maxFps: number | null;
  framesPerCandidate: number;
  recurring: boolean;
}

/** A kept frame: its moment, its number in the source, and its number among the kept ones. */
export interface KeptFrame {
  moment: number;
  number: number;
  name: number;
}

export interface WindowClip {
  candidates: KeptFrame[];
  glance: KeptFrame[];
  start: number;
  end: number;
  filled: number;
  frames: number;
  oldest: number;
}

/** The last seconds of a source. It says which frames to keep, and of which of them a clip is made. */
export class SlidingWindow {
  readonly period: number;
  readonly capacity: number;
  missed = 0;
  kept = 0;
  private readonly step: number;
  private frames: KeptFrame[] = [];
  private due = -Infinity;
  private sparse = false;
  private usual = 0;
  private unfilled = 1;

  constructor(private readonly options: WindowOptions) {
    this.step = options.seconds / options.candidateFrames;
    const period = this.step / options.framesPerCandidate;
    this.period = options.maxFps === null ? period : Math.max(period, 1 / options.maxFps);
    this.capacity = Math.ceil(options.seconds / this.period) + 2;
  }

  /** Keep a frame where it is wanted; false where it is not. */
  push(number: number, moment: number): boolean {
    if (!(moment >= this.due - TOLERANCE * this.period) && !this.restarted(moment)) return false;
    this.watch(moment);
    if (this.restarted(moment)) {
      this.frames = [];
      this.due = -Infinity;
    }
    this.frames.push({ moment, number, name: this.kept });
    if (this.frames.length > this.capacity) this.frames.shift();
    this.kept += 1;
    if (this.sparse && UNUSUAL * this.usual <= this.options.seconds) {
      this.sparse = this.filled(this.until(moment)) < 1;
    }
    const late = moment - this.due;
    this.due += this.period;
    if (!(this.due > moment)) {
      this.missed += Number.isFinite(late) ? Math.trunc(late / this.period) : 0;
      this.due = moment + this.period;
    }
    return true;
  }

  /** Cut the clip that ends at the newest frame; null while the window is not full, unless `eager`. */
  clip(eager: boolean): WindowClip | null {
    const newest = this.frames[this.frames.length - 1];
    if (newest === undefined) return null;
    const frames = this.until(newest.moment);
    const filled = this.filled(frames);
    if (filled < 1 && !eager && !this.sparse) return null;
    const { seconds, candidateFrames, glanceFrames } = this.options;
    const times = frames.map((frame) => frame.moment);
    const end = times[times.length - 1]!;
    const length = seconds * filled;
    const step = length / candidateFrames;
    const pick = (wanted: number[]): KeptFrame[] => wanted.map((moment) => frames[nearestPlace(times, moment)]!);
    const candidates = pick(range(candidateFrames).map((place) => end - step * (candidateFrames - 1 - place)));
    return {
      candidates,
      glance: pick(this.glanceMoments(end + step / 2, length, glanceFrames)),
      start: Math.max(end - length, times[0]!),
      end,
      filled,
      frames: new Set(candidates).size,
      oldest: frames[0]!.name,
    };
  }

  private glanceMoments(end: number, length: number, count: number): number[] {
    const middles = range(count).map((place) => end - length + ((place + 0.5) / count) * length);
    if (!this.options.recurring || length < this.options.seconds) return middles;
    const step = this.options.seconds / count;
    const first = nearest(middles[0]! / step);
    return range(count).map((place) => (first + place) * step);
  }

  private restarted(moment: number): boolean {
    const newest = this.frames[this.frames.length - 1];
    return newest !== undefined && Math.abs(moment - newest.moment) > Math.max(this.options.seconds, this.period);
  }

  /** Learn from the time since the last frame how slow the source is. */
  private watch(moment: number): void {
    const newest = this.frames[this.frames.length - 1];
    if (newest === undefined || moment <= newest.moment) return;
    const gap = moment - newest.moment;
    if (this.restarted(moment)) {
      this.unfilled = this.filled(this.until(newest.moment)) >= 1 ? 0 : this.unfilled + 1;
      this.sparse = this.sparse || this.unfilled >= 2 || gap <= UNUSUAL * this.usual;
    }
    this.usual = Math.max(gap, this.usual / 2);
  }

  private until(moment: number): KeptFrame[] {
    return this.frames.filter((frame) => frame.moment <= moment + TOLERANCE * this.period);
  }

  private filled(frames: readonly KeptFrame[]): number {
    if (!frames.length) return 0;
    const step = Math.max(this.step, this.period);
    const covered = frames[frames.length - 1]!.moment - frames[0]!.moment + step;
    return covered + step / 2 >= this.options.seconds ? 1 : covered / this.options.seconds;
  }
}

/** The place of the moment that lies nearest to a wanted one; of two that are as near, the earlier. */
function nearestPlace(times: readonly number[], wanted: number): number {
  const right = times.length > 1 ? within(placesBefore(times, wanted, false), 1, times.length - 1) : 0;
  const left = Math.max(right - 1, 0);
  return wanted - times[left]! <= times[right]! - wanted ? left : right;
}

/** The clock of a file, carried on where it jumps back or stands still. */
export class SteadyClock {
  private newest = -Infinity;
  private offset = 0;
  private still = 0;

  constructor(private readonly fps: number) {}

  moment(stated: number): number {
    let moment = stated + this.offset;
    this.still = moment <= this.newest ? this.still + 1 : 0;
    if (this.still > within(this.fps / 2, 8, 60)) {
      const carried = this.newest + this.still / this.fps;
      this.offset += carried - moment;
      moment = carried;
      this.still = 0;
    }
    this.newest = Math.max(this.newest, moment);
    return moment;
  }
}

/** When windows are due. */
export class Schedule {
  due = -Infinity;

  constructor(
    readonly hop: number,
    readonly duty: number,
  ) {}

  rest(computed: number): number {
    return computed * (1 / this.duty - 1);
  }

  /** Plan the next window; return how much later than a hop the result was there. */
  finish(started: number, finished: number): number {
    const begun = started - this.due <= this.hop ? this.due : started;
    this.due = Math.max(begun + this.hop, finished + this.rest(finished - started));
    return Math.max(0, finished - (begun + this.hop));
  }
}

export interface SmoothingOptions {
  timeConstant: number;
  enter: number;
  leave: number;
  windows: number;
  seconds: number;
}

export interface Smoothed {
  label: number | null;
  best: number;
  score: number;
  switched: boolean;
}

/** A mean of predictions over time, and a label that must persist before it is shown. */
export class Smoother {
  private mean: number[] | null = null;
  private at = -Infinity;
  private label: number | null = null;
  private candidate: number | null = null;
  private since = 0;
  private times = 0;

  constructor(private readonly options: SmoothingOptions) {}

  update(probabilities: readonly number[], moment: number): Smoothed {
    const { timeConstant, enter, leave, windows, seconds } = this.options;
    if (this.mean === null || timeConstant <= 0) {
      this.mean = [...probabilities];
    } else {
      const share = -Math.expm1(-Math.max(0, moment - this.at) / timeConstant);
      this.mean = this.mean.map((old, place) => old + share * (probabilities[place]! - old));
    }
    const { mean } = this;
    this.at = Math.max(this.at, moment);
    const before = this.label;
    const found = mean.indexOf(Math.max(...mean));
    if (found === this.label || mean[found]! < enter) this.candidate = null;
    else if (found !== this.candidate) [this.candidate, this.since, this.times] = [found, this.at, 1];
    else this.times += 1;
    if (this.candidate !== null && this.times >= windows && this.at - this.since >= seconds - 1e-9) {
      this.label = this.candidate;
      this.candidate = null;
    } else if (this.label !== null && mean[this.label]! < leave) {
      this.label = null;
    }
    return { label: this.label, best: found, score: mean[this.label ?? found]!, switched: this.label !== before };
  }

  /** Forget all, as after an outage; return the label that was shown. */
  reset(): number | null {
    const before = this.label;
    [this.label, this.mean, this.candidate] = [null, null, null];
    return before;
  }
}
