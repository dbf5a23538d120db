/** Means of areas in whole numbers: the nearest level, halves upwards. */

import { CHANNELS, emptyPicture, type Picture } from "./picture.js";

/** Which pixels along an axis count for one of the result, and how much. */
interface Counts {
  first: number;
  counts: number[];
}

function countsOf(given: number, wanted: number): Counts[] {
  return Array.from({ length: wanted }, (_, result) => {
    const first = Math.floor((result * given) / wanted);
    const counts: number[] = [];
    for (let pixel = first; pixel < given && pixel * wanted < (result + 1) * given; pixel++) {
      const end = Math.min((pixel + 1) * wanted, (result + 1) * given);
      counts.push(end - Math.max(pixel * wanted, result * given));
    }
    return { first, counts };
  });
}

/** Shrink a picture by averaging. */
export function average(region: Picture, height: number, width: number): Picture {
  const [rows, columns] = [countsOf(region.height, height), countsOf(region.width, width)];
  const whole = region.height * region.width;
  const found = emptyPicture(height, width);
  const line = region.width * CHANNELS;
  const sums = new Float64Array(line);
  rows.forEach((row, y) => {
    sums.fill(0);
    row.counts.forEach((count, turn) => {
      const begin = (row.first + turn) * line;
      for (let place = 0; place < line; place++) sums[place]! += count * region.data[begin + place]!;
    });
    columns.forEach((column, x) => {
      for (let c = 0; c < CHANNELS; c++) {
        let sum = 0;
        column.counts.forEach((count, turn) => (sum += count * sums[(column.first + turn) * CHANNELS + c]!));
        found.data[(y * width + x) * CHANNELS + c] = Math.floor((2 * sum + whole) / (2 * whole));
      }
    });
  });
  return found;
}
