/** From pixels and real numbers to a graph's own numbers, and back. */

import { nearest, within } from "./numbers.js";
import { CHANNELS, type Picture } from "../pixels/picture.js";

export type Dtype = "float32" | "int8" | "uint8";
export type Values = Float32Array | Int8Array | Uint8Array;

/** How a tensor is stored; integers have scale and zero point. */
export interface Form {
  dtype: Dtype;
  scale: number | null;
  zero_point: number | null;
}

const LOWEST = { int8: -128, uint8: 0 } as const;
const HIGHEST = { int8: 127, uint8: 255 } as const;

export function valuesOf(dtype: Dtype, count: number): Values {
  return dtype === "float32" ? new Float32Array(count) : dtype === "int8" ? new Int8Array(count) : new Uint8Array(count);
}

function limited(code: number, dtype: Dtype): number {
  return dtype === "float32" ? code : within(code, LOWEST[dtype], HIGHEST[dtype]);
}

/** What each of the 256 levels of each channel becomes, channel by channel. */
export function pixelTable(mean: readonly number[], std: readonly number[], form: Form): Values {
  const table = valuesOf(form.dtype, CHANNELS * 256);
  for (let c = 0; c < CHANNELS; c++) {
    for (let level = 0; level < 256; level++) {
      const real = (level / 255 - mean[c]!) / std[c]!;
      table[c * 256 + level] =
        form.scale === null ? real : limited(nearest(real / form.scale) + form.zero_point!, form.dtype);
    }
  }
  return table;
}

/** Turn frames of one size into a tensor, channels first. */
export function applyTable(table: Values, dtype: Dtype, frames: readonly Picture[]): Values {
  const pixels = frames[0]!.height * frames[0]!.width;
  const found = valuesOf(dtype, frames.length * CHANNELS * pixels);
  frames.forEach((frame, n) => {
    for (let c = 0; c < CHANNELS; c++) {
      const begin = (n * CHANNELS + c) * pixels;
      for (let place = 0; place < pixels; place++) {
        found[begin + place] = table[c * 256 + frame.data[place * CHANNELS + c]!]!;
      }
    }
  });
  return found;
}

/** The nearest values that a tensor can hold, halves to even; in float32. */
export function quantize(values: ArrayLike<number>, form: Form): Values {
  const found = valuesOf(form.dtype, values.length);
  for (let place = 0; place < values.length; place++) {
    const value = Math.fround(values[place]!);
    found[place] =
      form.scale === null
        ? value
        : limited(nearest(Math.fround(value / Math.fround(form.scale))) + form.zero_point!, form.dtype);
  }
  return found;
}

/** Real values of a tensor, float32. */
export function dequantize(values: ArrayLike<number>, form: Form): Float32Array {
  const found = new Float32Array(values.length);
  for (let place = 0; place < values.length; place++) {
    const value = values[place]!;
    found[place] =
      form.scale === null ? value : Math.fround(value - form.zero_point!) * Math.fround(form.scale);
  }
  return found;
}

/** Hand a tensor from one graph to the next, rescaled only where the two store it differently. */
export function convert(values: ArrayLike<number>, from: Form, to: Form): Values {
  if (from.dtype === to.dtype && from.scale === to.scale && from.zero_point === to.zero_point) {
    const found = valuesOf(to.dtype, values.length);
    found.set(Array.from(values));
    return found;
  }
  return quantize(dequantize(values, from), to);
}
