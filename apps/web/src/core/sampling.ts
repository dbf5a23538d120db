/** Which frames of a video are looked at: evenly by number, or by when they are shown. */

import { median, placesBefore, range, within } from "./numbers.js";

/** The middle of each of `count` equal segments of a video of `total` frames. */
export function uniformIndices(total: number, count: number): number[] {
  return range(count).map((place) => Math.floor(((2 * place + 1) * total) / (2 * count)));
}

/**
 * Frames spread evenly over those from `first` to the one before `last`.
 *
 * @param edges when each frame appears in seconds, and when the last one goes; null where the rate is constant.
 */
export function framesAt(first: number, last: number, count: number, edges: readonly number[] | null): number[] {
  if (edges === null) return uniformIndices(last - first, count).map((place) => first + place);
  const span = edges[last]! - edges[first]!;
  return range(count).map((place) => {
    const moment = edges[first]! + ((place + 0.5) / count) * span;
    return within(placesBefore(edges, moment, true) - 1, first, last - 1);
  });
}

/** Packets of a video in decoding order; times are in units of `timeBase` seconds. */
export interface Packets {
  container: string;
  timeBase: number;
  pts: readonly number[];
  dts: readonly number[];
  durations: readonly number[];
}

/** The frames of a video in the order in which they are shown. */
export interface Timeline {
  frameCount: number;
  edges: number[];
  varies: boolean;
}

const LONGEST_STEP_S = 10;
const VARIES_FROM_PLACES = 1;
const VARIES_FROM_SHARE = 0.025;
const RATE_WITHIN = 0.05;

/** Say when frames are shown, by what their packets say. */
export function timelineOf(packets: Packets): Timeline {
  const count = packets.pts.length;
  const jumps = packets.container === "mpegts" || packets.container === "mpeg";
  const moved = shifts(packets.dts, jumps ? LONGEST_STEP_S / packets.timeBase : Infinity);
  const times = packets.pts.map((moment, place) => (moment + moved[place]!) * packets.timeBase);
  const last = times.indexOf(Math.max(...times));
  const edges = edgesOf(times, packets.durations.map((stay) => stay * packets.timeBase), last);
  const end = edges[count]!;
  const near = (Math.max(VARIES_FROM_PLACES, VARIES_FROM_SHARE * count) * end) / count;
  const off = Math.max(...edges.map((edge, place) => Math.abs(edge - (end * place) / count)));
  return { frameCount: count, edges, varies: count > 1 && end > 0 && off > near };
}

/** Frames per second: what the header states where the frames bear it out, else what they say. */
export function rateOf(timeline: Timeline, stated: number): number {
  const found = timeline.frameCount / timeline.edges[timeline.frameCount]!;
  return Math.abs(stated - found) <= RATE_WITHIN * found ? stated : found;
}

/** By how much each time is put forward, so that a clock that was set runs on. */
function shifts(order: readonly number[], longest: number): number[] {
  let shift = 0;
  let step = 0;
  return order.map((moment, place) => {
    const before = place > 0 ? order[place - 1]! : moment;
    if (moment < before || moment - before > longest) shift += before + step - moment;
    else if (moment > before) step = moment - before;
    return shift;
  });
}

/** Sort times, begin at 0, and add the end. */
function edgesOf(times: readonly number[], durations: readonly number[], last: number): number[] {
  const ordered = [...times].sort((one, other) => one - other);
  const steps = ordered.slice(1).map((moment, place) => moment - ordered[place]!);
  const typical = steps.length ? median(steps) : 0;
  let stay = typical || durations[last]! || 1;
  if (Math.abs(median(durations) - typical) <= typical / 2) stay = durations[last]! || stay;
  return [...ordered, ordered[ordered.length - 1]! + stay].map((moment) => moment - ordered[0]!);
}
