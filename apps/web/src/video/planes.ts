/** Decoded frames as they come, and their colors as the device makes them: whole numbers, one chroma for four pixels. */

import { nearest } from "../core/numbers.js";
import { resizeBilinear } from "../pixels/patches.js";
import { CHANNELS, emptyPicture, type Picture } from "../pixels/picture.js";

export type Layout = "I420" | "NV12" | "RGBA" | "BGRA";

/** One frame in memory of its own; planes begin at `offsets`, lines are `strides` bytes apart. */
export interface Planes {
  layout: Layout;
  width: number;
  height: number;
  data: Uint8Array;
  offsets: number[];
  strides: number[];
  colors: Colors;
  turn: Turn;
}

/** How luma and chroma become red, green and blue. */
export interface Colors {
  matrix: "bt601" | "bt709";
  fullRange: boolean;
}

/** How a frame is shown: stretched, turned clockwise, then mirrored. */
export interface Turn {
  /** How many times as wide as high a pixel is. */
  aspect: number;
  degrees: 0 | 90 | 180 | 270;
  mirrored: boolean;
}

export const UPRIGHT: Turn = { aspect: 1, degrees: 0, mirrored: false };

interface Factors {
  luma: number;
  black: number;
  red: number;
  greenOfU: number;
  greenOfV: number;
  blue: number;
}

/** Factors in 8192ths, of levels times 8. */
const LIMITED: Record<Colors["matrix"], Factors> = {
  bt601: { luma: 9539, black: 128, red: 13075, greenOfU: -3209, greenOfV: -6660, blue: 16525 },
  bt709: { luma: 9539, black: 128, red: 14686, greenOfU: -1747, greenOfV: -4366, blue: 17305 },
};
const FULL: Record<Colors["matrix"], Factors> = {
  bt601: { luma: 8192, black: 0, red: 11485, greenOfU: -2819, greenOfV: -5850, blue: 14516 },
  bt709: { luma: 8192, black: 0, red: 12901, greenOfU: -1535, greenOfV: -3835, blue: 15201 },
};
const LEVELS = 256;
const CENTRE = 128;

/** Products of all 256 levels with one factor: what is shifted out is cut off, as the processor's own instruction does. */
function products(factor: number, black: number): Int32Array {
  return Int32Array.from({ length: LEVELS }, (_, level) => ((8 * level - black) * factor) >> 16);
}

interface Tables {
  luma: Int32Array;
  red: Int32Array;
  greenOfU: Int32Array;
  greenOfV: Int32Array;
  blue: Int32Array;
}

const known = new Map<Factors, Tables>();

function tablesOf({ matrix, fullRange }: Colors): Tables {
  const factors = (fullRange ? FULL : LIMITED)[matrix];
  let tables = known.get(factors);
  if (!tables) {
    const chroma = (factor: number): Int32Array => products(factor, 8 * CENTRE);
    tables = {
      luma: products(factors.luma, factors.black),
      red: chroma(factors.red),
      greenOfU: chroma(factors.greenOfU),
      greenOfV: chroma(factors.greenOfV),
      blue: chroma(factors.blue),
    };
    known.set(factors, tables);
  }
  return tables;
}

/** Turn a frame into a picture, red, green and blue, upright. */
export function pictureOf(planes: Planes): Picture {
  const yuv = planes.layout === "I420" || planes.layout === "NV12";
  return turned(stretched(yuv ? fromYuv(planes) : fromRgb(planes), planes.turn.aspect), planes.turn);
}

/** Make pixels square; frames are stretched, never shrunk. */
function stretched(picture: Picture, aspect: number): Picture {
  if (aspect === 1) return picture;
  const [tall, wide] = [picture.height / Math.min(aspect, 1), picture.width * Math.max(aspect, 1)];
  return resizeBilinear(picture, nearest(tall), nearest(wide));
}

function fromYuv(planes: Planes): Picture {
  const { width, height, data, offsets, strides, layout } = planes;
  const found = emptyPicture(height, width);
  const out = new Uint8ClampedArray(found.data.buffer);
  const { luma, red, greenOfU, greenOfV, blue } = tablesOf(planes.colors);
  const together = layout === "NV12";
  const step = together ? 2 : 1;
  const [vOffset, vStride] = together ? [offsets[1]! + 1, strides[1]!] : [offsets[2]!, strides[2]!];
  let place = 0;
  for (let y = 0; y < height; y++) {
    const line = offsets[0]! + y * strides[0]!;
    const uLine = offsets[1]! + (y >> 1) * strides[1]!;
    const vLine = vOffset + (y >> 1) * vStride;
    for (let x = 0; x < width; x++) {
      const level = luma[data[line + x]!]!;
      const chroma = (x >> 1) * step;
      const u = data[uLine + chroma]!;
      const v = data[vLine + chroma]!;
      out[place] = level + red[v]!;
      out[place + 1] = level + greenOfU[u]! + greenOfV[v]!;
      out[place + 2] = level + blue[u]!;
      place += CHANNELS;
    }
  }
  return found;
}

function fromRgb({ width, height, data, offsets, strides, layout }: Planes): Picture {
  const found = emptyPicture(height, width);
  const [red, blue] = layout === "RGBA" ? [0, 2] : [2, 0];
  let place = 0;
  for (let y = 0; y < height; y++) {
    let from = offsets[0]! + y * strides[0]!;
    for (let x = 0; x < width; x++, from += 4, place += CHANNELS) {
      found.data[place] = data[from + red]!;
      found.data[place + 1] = data[from + 1]!;
      found.data[place + 2] = data[from + blue]!;
    }
  }
  return found;
}

function turned(picture: Picture, { degrees, mirrored }: Turn): Picture {
  if (degrees === 0 && !mirrored) return picture;
  const { height, width, data } = picture;
  const across = degrees === 90 || degrees === 270;
  const found = across ? emptyPicture(width, height) : emptyPicture(height, width);
  for (let y = 0; y < found.height; y++) {
    for (let x = 0; x < found.width; x++) {
      const shown = mirrored ? found.width - 1 - x : x;
      let [row, column] = [y, shown];
      if (degrees === 90) [row, column] = [height - 1 - shown, y];
      if (degrees === 180) [row, column] = [height - 1 - y, width - 1 - shown];
      if (degrees === 270) [row, column] = [shown, width - 1 - y];
      const to = (y * found.width + x) * CHANNELS;
      const from = (row * width + column) * CHANNELS;
      for (let c = 0; c < CHANNELS; c++) found.data[to + c] = data[from + c]!;
    }
  }
  return found;
}

const LAYOUTS: Record<string, Layout> = {
  I420: "I420",
  NV12: "NV12",
  RGBA: "RGBA",
  RGBX: "RGBA",
  BGRA: "BGRA",
  BGRX: "BGRA",
};

/** Copy a frame of the browser's decoder or camera into memory of its own, and let go of it. */
export async function planesOf(frame: VideoFrame, colors: Colors, turn: Turn): Promise<Planes> {
  try {
    const direct = frame.format === null ? undefined : LAYOUTS[frame.format];
    const layout = direct ?? "RGBA";
    const options = direct ? {} : { format: "RGBA" as const };
    const data = new Uint8Array(frame.allocationSize(options));
    const placed = await frame.copyTo(data, options);
    const { width, height } = frame.visibleRect ?? { width: frame.codedWidth, height: frame.codedHeight };
    return {
      layout,
      width,
      height,
      data,
      offsets: placed.map(({ offset }) => offset),
      strides: placed.map(({ stride }) => stride),
      colors,
      turn,
    };
  } finally {
    frame.close();
  }
}
