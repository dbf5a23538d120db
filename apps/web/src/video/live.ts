/** The last seconds of a camera: frames as they came, at the pace that a clip needs. */

import type { Geometry } from "../bundle/manifest.js";
import { SlidingWindow } from "../core/streams.js";
import { clipOfPlanes, type ReadClip } from "./clip.js";
import type { Planes } from "./planes.js";

export const WINDOW_S = 4;
/** Frames that are kept for one that is looked at: browsers deliver them unevenly. */
const FRAMES_PER_CANDIDATE = 2;

export interface LiveClip extends ReadClip {
  filled: number;
  /** When the newest frame came, in seconds. */
  end: number;
}

export class LiveWindow {
  /** Frames that came with a moment a little before that of the last one, or at it. */
  dropped = 0;
  /** How often the clock was set: then all begins anew. */
  restarts = 0;
  private readonly window: SlidingWindow;
  private readonly planes = new Map<number, Planes>();
  private newest = -Infinity;
  private number = 0;

  constructor(private readonly geometry: Geometry) {
    this.window = new SlidingWindow({
      candidateFrames: geometry.candidate_frames,
      glanceFrames: geometry.glance_frames,
      seconds: WINDOW_S,
      maxFps: null,
      framesPerCandidate: FRAMES_PER_CANDIDATE,
      recurring: false,
    });
  }

  /** Seconds from one kept frame to the next. */
  get period(): number {
    return this.window.period;
  }

  /** Frames that are kept now. */
  get held(): number {
    return this.planes.size;
  }

  /** Whether a frame at a moment is wanted; where it is, `take` gives its planes. */
  async push(moment: number, take: () => Promise<Planes>): Promise<boolean> {
    const back = this.newest - moment;
    if (!Number.isFinite(moment) || (back >= 0 && back <= WINDOW_S)) {
      this.dropped += 1;
      return false;
    }
    if (Math.abs(back) > WINDOW_S && Number.isFinite(back)) {
      this.restarts += 1;
      this.planes.clear();
    }
    this.newest = moment;
    const name = this.window.kept;
    if (!this.window.push(this.number++, moment)) return false;
    this.planes.set(name, await take());
    const oldest = name - this.window.capacity;
    for (const held of this.planes.keys()) if (held <= oldest) this.planes.delete(held);
    return true;
  }

  /** The clip that ends at the newest frame, or null where there is none yet. */
  clip(): LiveClip | null {
    const found = this.window.clip(true);
    const names = found && {
      glance: found.glance.map((frame) => frame.name),
      candidates: found.candidates.map((frame) => frame.name),
    };
    if (!names || ![...names.glance, ...names.candidates].every((name) => this.planes.has(name))) return null;
    return { ...clipOfPlanes(this.geometry, names, this.planes), filled: found.filled, end: found.end };
  }
}
