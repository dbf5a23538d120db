/** Clips out of video files: chosen, decoded, and kept as they came until somebody looks at them. */

import type { Geometry } from "../bundle/manifest.js";
import { clipIndices, clipOf, keptFrame, type Clip } from "../core/recognizer.js";
import type { Picture } from "../pixels/picture.js";
import type { VideoFile } from "./file.js";
import { pictureOf, type Planes } from "./planes.js";

/** What frames may take that wait as they were decoded; larger ones are made small at once. */
const MAX_WAITING_BYTES = 64 * 2 ** 20;

export interface ReadClip {
  clip: Clip;
  /** A whole frame by its number, or what is kept of it where it was too large to wait. */
  shown(number: number): { picture: Picture; whole: boolean };
}

/** Decode the frames of a clip. */
export async function readClip(video: VideoFile, geometry: Geometry): Promise<ReadClip> {
  const indices = clipIndices(geometry, video.timeline.frameCount, video.edges);
  const wanted = new Set([...indices.glance, ...indices.candidates]);
  const waiting = new Map<number, Planes>();
  const kept = new Map<number, Picture>();
  await video.read(wanted, (number, planes) => {
    if (planes.data.length * wanted.size <= MAX_WAITING_BYTES) waiting.set(number, planes);
    else kept.set(number, keptFrame(geometry, pictureOf(planes)));
  });
  return clipOfPlanes(geometry, indices, waiting, kept);
}

/** Make a clip of frames by their numbers: decoded ones, or such as are kept already. */
export function clipOfPlanes(
  geometry: Geometry,
  indices: { glance: number[]; candidates: number[] },
  waiting: ReadonlyMap<number, Planes>,
  kept: ReadonlyMap<number, Picture> = new Map(),
): ReadClip {
  const whole = (number: number): Picture => pictureOf(waiting.get(number)!);
  return {
    clip: clipOf(geometry, indices, (number) => kept.get(number) ?? keptFrame(geometry, whole(number))),
    shown: (number) => {
      const picture = kept.get(number);
      return picture ? { picture, whole: geometry.boxes_in === "frame" } : { picture: whole(number), whole: true };
    },
  };
}
