/** Confidence of exits, thresholds by a budget, and the controller that holds one. */

import { between, range, within } from "./numbers.js";

export type Criterion = "softmax" | "logit" | "entropy";

export const ALWAYS = -1e8;
export const NEVER = 1e8;
const SMALLEST = 2.2250738585072014e-308;

export function softmax(logits: ArrayLike<number>, temperature = 1): number[] {
  const scaled = Array.from(logits, (value) => value / temperature);
  const highest = Math.max(...scaled);
  const powers = scaled.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Larger is more certain. */
export function confidence(logits: ArrayLike<number>, criterion: Criterion, temperature = 1): number {
  const values = Array.from(logits);
  const highest = Math.max(...values);
  if (criterion === "logit") return highest;
  if (criterion === "softmax") {
    return 1 / values.reduce((total, value) => total + Math.exp((value - highest) / temperature), 0);
  }
  const found = softmax(values, temperature);
  return found.reduce((total, value) => total + value * Math.log(Math.max(value, SMALLEST)), 0);
}

/** Whether a clip stops at an exit; without thresholds it never does, nor at the last exit. */
export function stops(found: number, exit: number, thresholds: readonly number[] | null): boolean {
  return thresholds !== null && exit < thresholds.length && found >= thresholds[exit]!;
}

/** Place of the largest value; of equal ones the first. */
export function best(values: ArrayLike<number>): number {
  let found = 0;
  for (let place = 1; place < values.length; place++) if (values[place]! > values[found]!) found = place;
  return found;
}

/** Thresholds, one for each exit but the last, by a position from 0 (stop at the glance) to 1 (never stop early). */
export interface Curve {
  thresholds(position: number): number[];
  observe(glance: number): void;
}

const ABOVE = 1e-9;
const REMEMBERED = 50;

/** Confidence that every clip reaches, and one that none does. */
function bounds(criterion: Criterion, classes: number, known: readonly number[]): [number, number] {
  if (criterion === "softmax") return [0, 1 + ABOVE];
  if (criterion === "entropy") return [-Math.log(classes) - ABOVE, ABOVE];
  if (!known.length) return [ALWAYS, NEVER];
  const [lowest, highest] = [Math.min(...known), Math.max(...known)];
  const wide = Math.max(1, highest - lowest);
  return [lowest - wide, highest + wide];
}

function outside(position: number, count: number): number[] | null {
  if (position <= 0) return range(count).map(() => ALWAYS);
  return position >= 1 ? range(count).map(() => NEVER) : null;
}

/** A bundle's table: pairs of a budget and its thresholds; `low` and `high` are what clips cost. */
export function calibratedCurve(
  rows: readonly (readonly [number, readonly number[]])[],
  low: number,
  high: number,
  criterion: Criterion,
  classes: number,
): Curve {
  const span = Math.max(high - low, Number.EPSILON);
  const ordered = rows.map(([budget, row]) => ({ place: (budget - low) / span, row: [...row] }));
  ordered.sort((one, other) => one.place - other.place);
  // none falls where the position rises
  ordered.forEach(({ row }, n) => {
    if (n > 0) row.forEach((value, exit) => (row[exit] = Math.max(value, ordered[n - 1]!.row[exit]!)));
  });
  const count = ordered[0]!.row.length;
  const known = ordered.flatMap(({ row }) => row).filter((value) => value > ALWAYS && value < NEVER);
  const [lowest, highest] = bounds(criterion, classes, known);
  const places = [0, ...ordered.map(({ place }) => within(place, 0, 1)), 1];
  const column = (exit: number): number[] => [
    lowest,
    ...ordered.map(({ row }) => within(row[exit]!, lowest, highest)),
    highest,
  ];
  return {
    thresholds: (position) =>
      outside(position, count) ?? range(count).map((exit) => between(position, places, column(exit))),
    observe: () => undefined,
  };
}

/** A curve that is learned from the glances of the last clips; the first clip goes all the way. */
export function learnedCurve(exits: number, criterion: Criterion, classes: number): Curve {
  const latest: number[] = [];
  return {
    thresholds(position) {
      const found = outside(latest.length ? position : Math.ceil(position), exits);
      if (found) return found;
      const seen = [...latest].sort((one, other) => one - other);
      const [lowest, highest] = bounds(criterion, classes, seen);
      const places = [0, ...seen.map((_, place) => (place + 0.5) / seen.length), 1];
      const threshold = between(position, places, [lowest, ...seen, highest]);
      return range(exits).map(() => threshold);
    },
    observe(glance) {
      latest.push(glance);
      if (latest.length > REMEMBERED) latest.shift();
    },
  };
}

const WINDOW_CLIPS = 50;
const TOLERANCE = 0.05;
const MAX_REPAID = TOLERANCE / 2;
const GAIN = 0.25;
const LEAST_GAIN = 0.1;
const MAX_GAIN = 0.4;

/** Keeps the mean cost of clips at a budget; costs are in its unit. */
export class Controller {
  private sum: number;
  private readonly recent: number[] = [];
  private owed = 0;

  constructor(
    private readonly asked: number,
    private readonly low: number,
    private readonly high: number,
    private readonly curve: Curve,
  ) {
    this.sum = high > low ? within((asked - low) / (high - low), 0, 1) : 1;
  }

  get position(): number {
    return this.guard() ?? within(this.sum, 0, 1);
  }

  get thresholds(): number[] {
    return this.curve.thresholds(this.position);
  }

  /** Take in the confidence of a clip's glance, and what the clip cost. */
  observe(glance: number, cost: number): void {
    this.curve.observe(glance);
    this.recent.push(cost);
    if (this.recent.length > WINDOW_CLIPS) this.recent.shift();
    const { asked } = this;
    this.owed = within(this.owed + cost - asked, -WINDOW_CLIPS * asked, WINDOW_CLIPS * asked);
    const target = asked - within(this.owed / WINDOW_CLIPS, -MAX_REPAID * asked, MAX_REPAID * asked);
    const width = this.high - this.low;
    const gain = within((GAIN * width) / asked, LEAST_GAIN, MAX_GAIN);
    const moved = width > 0 ? (gain * (target - cost)) / width : 0;
    this.sum = within(this.sum + moved, -gain, 1 + gain);
  }

  /** The end of the curve that keeps the running mean within the tolerance, where the other does not. */
  private guard(): number | null {
    const whole = this.recent.length === WINDOW_CLIPS;
    const clips = whole ? WINDOW_CLIPS : this.recent.length + 1;
    const without = this.recent.reduce((total, cost) => total + cost, 0) - (whole ? this.recent[0]! : 0);
    const [cheap, dear] = [without + this.low, without + this.high];
    const [least, most] = [-1, 1].map((side) => (clips + side * TOLERANCE * WINDOW_CLIPS) * this.asked) as [number, number];
    if (cheap <= most && most < dear) return 0;
    return cheap < least && least <= dear ? 1 : null;
  }
}
