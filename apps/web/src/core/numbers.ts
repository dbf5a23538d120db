/** Rounding and float32, as the device does it. */

/** Round to the nearest whole number, halves to the even one. */
export function nearest(value: number): number {
  const below = Math.floor(value);
  const part = value - below;
  if (part !== 0.5) return part < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** Keep a number between two others. */
export function within(value: number, lowest: number, highest: number): number {
  return Math.min(Math.max(value, lowest), highest);
}

/** Return the whole numbers from 0 to the one before `count`. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, place) => place);
}

/** Return how many numbers of an increasing list lie before a value: below it, or also equal to it. */
export function placesBefore(sorted: readonly number[], value: number, equal: boolean): number {
  let first = 0;
  let last = sorted.length;
  while (first < last) {
    const middle = (first + last) >> 1;
    const found = sorted[middle]!;
    if (found < value || (equal && found === value)) first = middle + 1;
    else last = middle;
  }
  return first;
}

/** Return the middle one of some numbers, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Read a straight line between points, whose places increase. */
export function between(place: number, places: readonly number[], values: readonly number[]): number {
  const right = Math.min(placesBefore(places, place, true), places.length - 1);
  const left = right - 1;
  const slope = (values[right]! - values[left]!) / (places[right]! - places[left]!);
  return slope * (place - places[left]!) + values[left]!;
}
