/** Centre squares of frames, what the glance sees of whole ones, and frames that are shrunk when they are kept. */

import { average } from "./averaging.js";
import { nearest } from "../core/numbers.js";
import { resizeBilinear } from "./patches.js";
import { CHANNELS, emptyPicture, part, put, type Color, type Picture } from "./picture.js";

export type Fit = "square" | "squeezed" | "padded";

const MAX_KEPT_BYTES = 64 * 2 ** 20;

/** Keep the centre square of a frame whose short side would be `shortSide`, in one step. */
export function fitFrame(frame: Picture, frameSize: number, shortSide: number): Picture {
  const side = Math.max(1, nearest((Math.min(frame.height, frame.width) * frameSize) / shortSide));
  return resize(centre(frame, side), frameSize, frameSize);
}

/** Make what the glance sees of a whole frame; `share` is that of the short side which a square takes. */
export function fitGlance(frame: Picture, fit: Fit, size: number, share: number, fill: Color): Picture {
  if (fit === "squeezed") return resize(frame, size, size);
  if (fit === "square") {
    return resize(centre(frame, Math.max(1, nearest(Math.min(frame.height, frame.width) * share))), size, size);
  }
  const long = Math.max(frame.height, frame.width);
  const [tall, wide] = [frame.height, frame.width].map((side) => Math.max(1, nearest((side * size) / long))) as [
    number,
    number,
  ];
  const found = emptyPicture(size, size);
  for (let place = 0; place < found.data.length; place++) found.data[place] = fill[place % CHANNELS]!;
  put(resize(frame, tall, wide), found, Math.floor((size - tall) / 2), Math.floor((size - wide) / 2));
  return found;
}

function centre(frame: Picture, side: number): Picture {
  return part(frame, Math.floor((frame.height - side) / 2), Math.floor((frame.width - side) / 2), side, side);
}

/** Averaged where both sides shrink or stay, else bilinear. */
function resize(region: Picture, height: number, width: number): Picture {
  const shrinks = region.height >= height && region.width >= width;
  return shrinks ? average(region, height, width) : resizeBilinear(region, height, width);
}

/** By which whole factor frames are shrunk when they are kept, so that all stay within 64 MiB. */
export function shrinkFactor(height: number, width: number, frames: number): number {
  let factor = 1;
  while (frames * CHANNELS * Math.floor(height / factor) * Math.floor(width / factor) > MAX_KEPT_BYTES) factor += 1;
  return factor;
}

/** Average squares of `factor` x `factor` pixels; what is left over is dropped. */
export function shrink(frame: Picture, factor: number): Picture {
  if (factor === 1) return frame;
  const found = emptyPicture(Math.max(1, Math.floor(frame.height / factor)), Math.max(1, Math.floor(frame.width / factor)));
  const [tall, wide] = [Math.min(factor, frame.height), Math.min(factor, frame.width)];
  const area = tall * wide;
  const share = Math.fround(1 / area);
  for (let y = 0; y < found.height; y++) {
    for (let x = 0; x < found.width; x++) {
      for (let c = 0; c < CHANNELS; c++) {
        let sum = 0;
        for (let row = y * factor; row < y * factor + tall; row++) {
          for (let column = x * factor; column < x * factor + wide; column++) {
            sum += frame.data[(row * frame.width + column) * CHANNELS + c]!;
          }
        }
        const value = factor === 2 && area === 4 ? (sum + 2) >> 2 : nearest(Math.fround(sum * share));
        found.data[(y * found.width + x) * CHANNELS + c] = value;
      }
    }
  }
  return found;
}
