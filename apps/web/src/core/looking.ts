/** Which frames the focus looks at, and which boxes of them, by the policy network. */

import { nearest, range, within } from "./numbers.js";

/** Y, x, height, width: fractions of a frame, or whole pixels of it. */
export type Box = [number, number, number, number];
/** Height and width in pixels. */
export type Size = readonly [number, number];

const SMALLEST = 2.2250738585072014e-308;

/** Positions in 0..1 at the middle of each of `count` equal parts of a distribution over time. */
export function quantilePositions(weights: readonly number[], count: number): number[] {
  let total = 0;
  const sums = weights.map((weight) => (total += weight));
  sums[sums.length - 1] = 1;
  return range(count).map((rank) => {
    const level = (rank + 0.5) / count;
    // the first sum that reaches the level
    const reached = sums.findIndex((sum) => sum >= level);
    const part = reached < 0 ? sums.length - 1 : reached;
    const lower = part > 0 ? sums[part - 1]! : 0;
    return (part + (level - lower) / Math.max(sums[part]! - lower, SMALLEST)) / sums.length;
  });
}

/** `count` different candidates at the quantiles of the weights, in order. */
export function selectFrames(weights: readonly number[], candidates: number, count: number): number[] {
  const chosen: number[] = [];
  for (const position of quantilePositions(weights, count)) {
    const index = Math.floor(position * candidates);
    chosen.push(chosen.length ? Math.max(index, chosen[chosen.length - 1]! + 1) : index);
  }
  return chosen.map((index, rank) => Math.min(index, candidates - count + rank));
}

/** Boxes of raw policy outputs: positions are in the room that the sides leave. */
export function decodeBoxes(raw: readonly Box[], minSide: number, maxSide: number): Box[] {
  return raw.map(([top, left, tall, wide]) => {
    const height = minSide + (maxSide - minSide) * tall;
    const width = minSide + (maxSide - minSide) * wide;
    return [top * (1 - height), left * (1 - width), height, width];
  });
}

/** Whole pixels of places in the room that the sides leave, and sides as fractions of the short side. */
export function boxesInRoom(boxes: readonly Box[], size: Size): Box[] {
  const short = Math.min(size[0], size[1]);
  return boxes.map(([y, x, tall, wide]) => {
    const height = Math.min(Math.max(1, nearest(tall * short)), size[0]);
    const width = Math.min(Math.max(1, nearest(wide * short)), size[1]);
    return [nearest(y * (size[0] - height)), nearest(x * (size[1] - width)), height, width];
  });
}

/** Move the edges of boxes to the nearest pixel borders; those below `least` are widened and moved into the frame. */
export function wholePixels(boxes: readonly Box[], size: Size, least: number): Box[] {
  const [rows, columns] = size;
  return boxes.map(([y, x, height, width]) => {
    let [top, left] = [nearest(y * rows), nearest(x * columns)];
    let [tall, wide] = [nearest((y + height) * rows) - top, nearest((x + width) * columns) - left];
    if (Math.min(tall, wide) < least) {
      [tall, wide] = [Math.max(tall, least), Math.max(wide, least)];
      [top, left] = [Math.min(top, rows - tall), Math.min(left, columns - wide)];
    }
    return [top, left, tall, wide];
  });
}

/** Boxes in pixels as fractions of a frame, in float32. */
export function asFractions(boxes: readonly Box[], size: Size): Box[] {
  return boxes.map((box) => box.map((part, place) => Math.fround(part / size[place % 2]!)) as Box);
}

/** Other boxes in the stead of the policy's. */
export function placeBoxes(boxes: readonly Box[], name: string, shape: string, side: number): Box[] {
  const f = Math.fround;
  return boxes.map((box) => {
    let [y, x, height, width] = box;
    if (shape === "fixed") {
      const corner = (place: number, length: number): number =>
        within(f(place + f(0.5 * f(length - f(side)))), 0, f(1 - side));
      [y, x, height, width] = [corner(y, height), corner(x, width), f(side), f(side)];
    }
    if (name === "full") return [0, 0, 1, 1];
    if (name === "centre") return [f(0.5 * f(1 - height)), f(0.5 * f(1 - width)), height, width];
    return [y, x, height, width];
  });
}
