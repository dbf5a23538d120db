/** What page and worker say to each other. */

import type { Stage } from "../bundle/manifest.js";
import type { Box } from "../core/looking.js";
import type { Smoothed } from "../core/streams.js";
import type { RunningMode, Timing } from "../recognizer.js";
import type { Build } from "../runtimes/wasm.js";
import type { SelfTest } from "../selftest.js";

/** A model that is open. */
export interface Opened {
  name: string;
  labels: number;
  focusFrames: number;
  build: Build;
  threads: number;
  /** Bytes that were downloaded, and how long all of it took. */
  bytes: number;
  openMs: number;
  goldenBytes: number;
  /** Multiply-accumulates of a clip that stops at each exit. */
  exitMacs: number[];
  periodMs: number;
}

/** A frame that a network looked at, as it is shown; the box is in fractions of the picture. */
export interface ToldFrame {
  number: number;
  /** Seconds from the beginning; null in a live stream. */
  moment: number | null;
  box: Box | null;
  picture: ImageBitmap;
}

export interface Told {
  label: string;
  score: number;
  top: [string, number][];
  exitStage: Stage;
  exitIndex: number;
  exits: number;
  confidences: number[];
  macs: number;
  mostMacs: number;
  timingMs: Timing;
  warnings: string[];
  frames: ToldFrame[];
  details: Details;
}

/** All that another device must give too. */
export interface Details {
  logits: Float32Array;
  glanceIndices: number[];
  candidateIndices: number[];
  candidates: number[];
  frameIndices: number[];
  boxes: Box[];
  boxesPx: Box[];
  /** Of the pixels that the glance and the focus saw. */
  glanceSha256: string;
  patchesSha256: string;
  /** SHA-256 of every tensor of every call; only where they were asked for. */
  calls: { stage: Stage; inputs: Record<string, ToldTensor>; outputs: Record<string, ToldTensor> }[];
}

export interface ToldTensor {
  sha256: string;
  /** Of floats the numbers themselves. */
  values: Float32Array | null;
}

export interface Operations {
  open(given: { threads?: number; bundle?: Blob; name?: string }): Opened;
  selfTest(given: object): SelfTest;
  setOptions(given: { runningMode?: RunningMode; position?: number }): null;
  recognizeVideo(given: { file: Blob; name: string }): Told;
  /** Frames of one size, RGB, one behind the other. */
  recognizeFrames(given: { data: Uint8Array; height: number; width: number; thresholds: number[] | null }): Told;
  /** How often each graph was called, and what a live stream holds. */
  counts(given: object): { calls: Record<Stage, number>; dropped: number; held: number };
}

export type Operation = keyof Operations;

export interface Request {
  id: number;
  op: Operation;
  given: unknown;
}

/** A frame of a camera; nobody waits for an answer. */
export interface FrameMessage {
  frame: VideoFrame;
  timestampMs: number;
}

export type Reply =
  | { id: number; found: unknown }
  | { id: number; error: string }
  | { event: "opening" }
  | { event: "progress"; loaded: number; total: number }
  | { event: "live"; told: Told; smoothed: Smoothed; shown: string | null }
  | { event: "liveError"; error: string };
