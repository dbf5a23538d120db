/** Pictures: three bytes a pixel, row by row. */

export const CHANNELS = 3;
/** A color, in the order of a picture's channels. */
export type Color = readonly [number, number, number];

export interface Picture {
  height: number;
  width: number;
  data: Uint8Array;
}

export function emptyPicture(height: number, width: number): Picture {
  return { height, width, data: new Uint8Array(height * width * CHANNELS) };
}

/** Copy a part of a picture. */
export function part(picture: Picture, top: number, left: number, height: number, width: number): Picture {
  const found = emptyPicture(height, width);
  for (let y = 0; y < height; y++) {
    const begin = ((top + y) * picture.width + left) * CHANNELS;
    found.data.set(picture.data.subarray(begin, begin + width * CHANNELS), y * width * CHANNELS);
  }
  return found;
}

/** Put a picture into another one. */
export function put(picture: Picture, into: Picture, top: number, left: number): void {
  const bytes = picture.width * CHANNELS;
  for (let y = 0; y < picture.height; y++) {
    into.data.set(picture.data.subarray(y * bytes, (y + 1) * bytes), ((top + y) * into.width + left) * CHANNELS);
  }
}
