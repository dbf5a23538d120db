/** Patches cut out of frames, and pictures resized, by one rule in whole numbers. */

import { average } from "./averaging.js";
import type { Box } from "../core/looking.js";
import { nearest, within } from "../core/numbers.js";
import { CHANNELS, emptyPicture, part, type Color, type Picture } from "./picture.js";

const HAIR = 1e-7;
const ONE = 2048;
/** Of a pixel: fractions of a frame are float32 numbers. */
const WHOLE = 1e-3;

/** Where pixels read along one axis: the first of two taps, and the weight of the other in 2048ths. */
export interface Taps {
  first: Int32Array;
  weights: Int32Array;
}

export function axisTaps(start: number, length: number, size: number): Taps {
  const begin = Math.floor(start);
  const step = 1 / (((1 + HAIR) * size) / length);
  const taps = { first: new Int32Array(size), weights: new Int32Array(size) };
  for (let place = 0; place < size; place++) {
    const position = Math.fround((place + 0.5) * step - 0.5 + (start - begin));
    const floor = Math.floor(position);
    taps.first[place] = begin + floor;
    taps.weights[place] = nearest(Math.fround(Math.fround(position - floor) * ONE));
  }
  return taps;
}

/** Mix two levels of a line; 7 bits below the level stay. */
function across(one: number, two: number, weight: number): number {
  return (one * (ONE - weight) + two * weight) >> 4;
}

/**
 * Mix pixels by their taps, columns first.
 *
 * @param columnOf where a tap along a row reads; outside of the picture it is the fill.
 * @param rowOf likewise.
 */
function mix(
  picture: Picture,
  rows: Taps,
  columns: Taps,
  fill: Color,
  rowOf: (row: number) => number,
  columnOf: (column: number) => number,
): Picture {
  const found = emptyPicture(rows.first.length, columns.first.length);
  const { height, width, data } = picture;
  const [red, green, blue] = fill;
  // where the two taps of each column stand in a line; -1: outside
  const places = (beside: number): Int32Array =>
    columns.first.map((first) => {
      const column = columnOf(first + beside);
      return column >= 0 && column < width ? column * CHANNELS : -1;
    });
  const [left, right] = [places(0), places(1)];
  const { weights } = columns;
  const whole = !left.includes(-1) && !right.includes(-1);
  const line = (row: number, mixed: Int32Array): Int32Array => {
    const inside = row >= 0 && row < height;
    const begin = row * width * CHANNELS;
    if (inside && whole) {
      for (let x = 0, to = 0; x < weights.length; x++, to += CHANNELS) {
        const from = begin + left[x]!;
        const next = begin + right[x]!;
        const weight = weights[x]!;
        mixed[to] = across(data[from]!, data[next]!, weight);
        mixed[to + 1] = across(data[from + 1]!, data[next + 1]!, weight);
        mixed[to + 2] = across(data[from + 2]!, data[next + 2]!, weight);
      }
      return mixed;
    }
    for (let x = 0, to = 0; x < weights.length; x++, to += CHANNELS) {
      const weight = weights[x]!;
      const one = inside ? left[x]! : -1;
      const two = inside ? right[x]! : -1;
      const from = begin + one;
      const next = begin + two;
      mixed[to] = across(one < 0 ? red : data[from]!, two < 0 ? red : data[next]!, weight);
      mixed[to + 1] = across(one < 0 ? green : data[from + 1]!, two < 0 ? green : data[next + 1]!, weight);
      mixed[to + 2] = across(one < 0 ? blue : data[from + 2]!, two < 0 ? blue : data[next + 2]!, weight);
    }
    return mixed;
  };
  const length = found.width * CHANNELS;
  let [known, above, below]: [number, Int32Array, Int32Array] = [NaN, new Int32Array(length), new Int32Array(length)];
  for (let y = 0; y < found.height; y++) {
    const first = rows.first[y]!;
    if (first !== known) {
      [above, below] = [below, above];
      if (first !== known + 1) line(rowOf(first), above);
      line(rowOf(first + 1), below);
      known = first;
    }
    const weight = rows.weights[y]!;
    const out = found.data.subarray(y * length, (y + 1) * length);
    for (let place = 0; place < length; place++) {
      const value = (((ONE - weight) * above[place]!) >> 16) + ((weight * below[place]!) >> 16);
      out[place] = (value + 2) >> 2;
    }
  }
  return found;
}

const itself = (place: number): number => place;

/** Cut one box, as fractions of the frame, out of it; what lies outside of the frame is the fill. */
export function cropPatch(frame: Picture, box: Box, size: number, fill: Color): Picture {
  const place = box.map((share, axis) => share * (axis % 2 ? frame.width : frame.height)) as Box;
  const whole = place.map(nearest) as Box;
  const [y, x, height, width] = place.every((value, axis) => Math.abs(value - whole[axis]!) < WHOLE) ? whole : place;
  return mix(frame, axisTaps(y, height, size), axisTaps(x, width, size), fill, itself, itself);
}

/** Cut one box out of a frame that is kept as it was decoded: averaged where both sides shrink. */
export function cutPatch(frame: Picture, box: Box, size: number, fill: Color): Picture {
  const place = box.map((share, axis) => nearest(share * (axis % 2 ? frame.width : frame.height)));
  const [top, left, tall, wide] = place as Box;
  if (Math.min(tall, wide) <= size) return cropPatch(frame, box, size, fill);
  return average(part(frame, top, left, tall, wide), size, size);
}

/** Resize bilinearly; taps are clamped to the picture. */
export function resizeBilinear(picture: Picture, height: number, width: number): Picture {
  const [rows, columns] = [axisTaps(0, picture.height, height), axisTaps(0, picture.width, width)];
  const clamped = (most: number) => (tap: number) => within(tap, 0, most);
  return mix(picture, rows, columns, [0, 0, 0], clamped(picture.height - 1), clamped(picture.width - 1));
}
