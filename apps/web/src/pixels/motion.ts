/** The policy of motion: the focus looks where pixels change most. Whole numbers only. */

import type { Box, Size } from "../core/looking.js";
import { nearest, range } from "../core/numbers.js";
import type { Picture } from "./picture.js";

const CELLS = 48;
const STEPS = 16;
const MAX_CHANGE = 10 * STEPS;
const GREEN = 1;
const FULL_WEIGHT = 2 ** 20;
const WEIGHT_LOST = 2 ** 18;

/** What a candidate is compared with: the one before it, or what is usual at a place. */
export type ChangeFrom = "previous" | "median";

/** Changes of cells from each candidate to the next: `count` maps of rows x columns. */
export interface Changes {
  count: number;
  rows: number;
  columns: number;
  values: Int32Array;
}

/** Side of a cell in pixels. */
export function cellSize(height: number, width: number): number {
  return Math.max(1, Math.floor(Math.min(height, width) / CELLS));
}

/** Measure how much every cell changes, from the candidate before or from what is usual. The frames have one size. */
export function changeMaps(frames: readonly Picture[], from: ChangeFrom): Changes {
  const { height, width } = frames[0]!;
  const cell = cellSize(height, width);
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
  const levels = frames.map((frame) => levelsOf(frame, cell, rows, columns));
  const [count, size] = [frames.length - 1, rows * columns];
  const values = new Int32Array(count * size);
  if (from === "median") {
    for (let place = 0; place < size; place++) {
      const found = beyondUsual(levels.map((one) => one[place]!));
      found.forEach((change, n) => (values[n * size + place] = change));
    }
  } else {
    for (let n = 0; n < count; n++) {
      const changes = values.subarray(n * size, (n + 1) * size);
      for (let place = 0; place < size; place++) changes[place] = away(levels[n + 1]![place]!, levels[n]![place]!);
      forgetCut(changes);
    }
  }
  return { count, rows, columns, values };
}

/** Where more than half of the cells change most, the whole picture became another, and no cell changes. */
function forgetCut(changes: Int32Array): void {
  const most = changes.filter((change) => change === MAX_CHANGE).length;
  if (2 * most > changes.length) changes.fill(0);
}

function away(level: number, other: number): number {
  const change = Math.abs(level - other);
  return Math.min(change, MAX_CHANGE);
}

/** What the levels of a cell are away from the median, of two candidates half the sum, beyond the mean of that. */
function beyondUsual(levels: readonly number[]): number[] {
  const usual = levels.slice().sort((one, other) => one - other)[Math.floor(levels.length / 2)]!;
  const all = levels.map((level) => away(level, usual));
  const between = all.slice(1).map((one, place) => Math.floor((all[place]! + one) / 2));
  const mean = Math.floor(between.reduce((sum, one) => sum + one, 0) / Math.max(1, between.length));
  return between.map((one) => Math.max(0, one - mean));
}

function levelsOf(frame: Picture, cell: number, rows: number, columns: number): Int32Array {
  const sums = new Float64Array(rows * columns);
  for (let y = 0; y < rows * cell; y++) {
    const row = Math.floor(y / cell) * columns;
    for (let x = 0; x < columns * cell; x++) {
      sums[row + Math.floor(x / cell)]! += frame.data[(y * frame.width + x) * 3 + GREEN]!;
    }
  }
  return Int32Array.from(sums, (sum) => Math.floor((STEPS * sum) / (cell * cell)));
}

/** Add the maps from `first` to the one before `last`. */
export function summed(changes: Changes, first: number, last: number): Float64Array {
  const size = changes.rows * changes.columns;
  const sums = new Float64Array(size);
  for (let place = first * size; place < last * size; place++) sums[place % size]! += changes.values[place]!;
  return sums;
}

/** The best square of `side` cells in summed changes. */
export function bestSquare(
  sums: Float64Array,
  rows: number,
  columns: number,
  side: number,
): { top: number; left: number; score: number } {
  const [tall, wide] = [Math.min(side, rows), Math.min(side, columns)];
  const [down, across] = [rows - tall, columns - wide];
  const before = new Float64Array((rows + 1) * (columns + 1));
  for (let y = 0; y < rows; y++) {
    let line = 0;
    for (let x = 0; x < columns; x++) {
      line += sums[y * columns + x]!;
      before[(y + 1) * (columns + 1) + x + 1] = before[y * (columns + 1) + x + 1]! + line;
    }
  }
  const at = (y: number, x: number): number => before[y * (columns + 1) + x]!;
  let best = { top: 0, left: 0, score: -1, weight: -1 };
  for (let top = 0; top <= down; top++) {
    for (let left = 0; left <= across; left++) {
      const weight = FULL_WEIGHT - lost(top, down) - lost(left, across);
      const inside = at(top + tall, left + wide) - at(top, left + wide) - at(top + tall, left) + at(top, left);
      const score = inside * weight;
      if (score > best.score || (score === best.score && weight > best.weight)) best = { top, left, score, weight };
    }
  }
  return best;
}

function lost(place: number, room: number): number {
  return Math.floor((WEIGHT_LOST * (2 * place - room) ** 2) / Math.max(1, room) ** 2);
}

/** The run of `count` candidates in which one square changes most; of equal ones the middlemost, then the earlier. */
export function densestRun(changes: Changes, count: number, side: number): number[] {
  const starts = changes.count + 2 - count;
  const scores = range(starts).map(
    (start) => bestSquare(summed(changes, start, start + count - 1), changes.rows, changes.columns, side).score,
  );
  const highest = Math.max(...scores);
  let best = -1;
  for (const start of range(starts)) {
    const nearer = best < 0 || Math.abs(2 * start - (starts - 1)) < Math.abs(2 * best - (starts - 1));
    if (scores[start] === highest && nearer) best = start;
  }
  return range(count).map((place) => best + place);
}

/** Side of a square in pixels and in cells; `side` is a fraction of the short side. */
export function cellsOf(side: number, size: Size): { pixels: number; cells: number } {
  const cell = cellSize(size[0], size[1]);
  const pixels = Math.max(1, nearest(side * Math.min(size[0], size[1])));
  return { pixels, cells: Math.max(1, Math.floor((2 * pixels + cell) / (2 * cell))) };
}

/** The square in which most changes from candidate `first` to `last`, in pixels; where they are one, all count. */
export function motionBox(changes: Changes, size: Size, side: number, first: number, last: number): Box {
  const { pixels, cells } = cellsOf(side, size);
  const [begin, end] = last > first ? [first, last] : [0, changes.count];
  const found = bestSquare(summed(changes, begin, end), changes.rows, changes.columns, cells);
  const cell = cellSize(size[0], size[1]);
  return [Math.min(found.top * cell, size[0] - pixels), Math.min(found.left * cell, size[1] - pixels), pixels, pixels];
}
