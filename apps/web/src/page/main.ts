/** The page: what is asked of the worker, and where its answers go. */

import { Client } from "../client.js";
import type { Opened } from "../worker/messages.js";
import { Camera } from "./camera.js";
import { element, megabytes } from "./elements.js";
import { settle } from "./offline.js";
import { showFacts, showResult } from "./result.js";
import { Viewer } from "./viewer.js";

/** A first visit takes at most so much; what goes beyond is downloaded when somebody asks for it. */
const MAX_FIRST_BYTES = 15e6;
const BUNDLE = /\.zip$/i;

const client = new Client();
const viewer = new Viewer();
const camera = new Camera(viewer.video, (frame, timestampMs) => client.frame(frame, timestampMs));
const input = element<HTMLInputElement>("file");
const cameraButton = element<HTMLButtonElement>("camera-button");
const testButton = element<HTMLButtonElement>("selftest");
const slider = element<HTMLInputElement>("exit");
const status = element("status");

let opened: Opened | null = null;
let tested = "not yet";
let good: boolean | null = null;
let video: File | null = null;
let ready: Promise<void> = Promise.resolve();

function notice(text: string): void {
  element("notice-text").textContent = text;
  element("notice").hidden = false;
}

/** Do something; where it fails, one sentence says so and the page goes on. */
async function attempt(work: () => Promise<void>): Promise<void> {
  element("notice").hidden = true;
  try {
    await work();
  } catch (error) {
    notice(error instanceof Error ? error.message : String(error));
  } finally {
    element("wait").hidden = true;
  }
}

function wait(text: string, share: number | null): void {
  element("wait").hidden = false;
  element("wait-text").textContent = text;
  const bar = element("wait-bar");
  bar.parentElement!.hidden = share === null;
  bar.style.width = `${100 * (share ?? 0)}%`;
}

function say(text: string, kind: "good" | "bad" | "" = ""): void {
  status.textContent = text;
  status.className = `status ${kind}`;
}

function facts(): void {
  if (!opened) return;
  const threads = opened.threads === 1 ? "1 thread" : `${opened.threads} threads`;
  showFacts([
    ["Model", opened.name],
    ["Labels", String(opened.labels)],
    ["Runs in", `LiteRT, ${threads}`],
    ["Download", opened.bytes ? `${megabytes(opened.bytes)} MB, once` : "a file of yours"],
    ["Self-test", tested, good === null ? "" : good ? "good" : "bad"],
  ]);
}

/** Open a model of one's own; where the worker did not come through it, the page's own is opened again. */
async function exchange(bundle: File): Promise<void> {
  const { restarts } = client;
  try {
    await open(bundle);
  } catch (error) {
    if (client.restarts > restarts) await open();
    throw error;
  }
}

async function open(bundle?: File): Promise<void> {
  wait("Opening the model", 0);
  const threads = Number(new URLSearchParams(location.search).get("threads")) || undefined;
  opened = await client.ask("open", { ...(bundle && { bundle, name: bundle.name }), ...(threads && { threads }) });
  await client.ask("setOptions", { position: Number(slider.value) / 100 });
  cameraButton.disabled = testButton.disabled = false;
  [tested, good] = ["not yet", null];
  say("Ready", "good");
  facts();
  if (opened.bytes + opened.goldenBytes <= MAX_FIRST_BYTES) await selfTest();
  else tested = `not run; it takes ${megabytes(opened.goldenBytes)} MB more`;
  testButton.textContent = good === null ? "Test now" : "Test again";
  facts();
}

async function selfTest(): Promise<void> {
  say("Testing…");
  const { tensors, broken } = await client.ask("selfTest", {});
  good = broken.length === 0;
  tested = good ? `passed, ${tensors} tensors as expected` : `failed: ${broken[0]}`;
  testButton.textContent = "Test again";
  facts();
  if (good) return say("Ready", "good");
  say("Not exact here", "bad");
  notice(`This browser computes other numbers than the device: ${broken[0]} Answers may differ a little.`);
}

async function recognize(file: File): Promise<void> {
  stopCamera();
  wait(`Looking at ${file.name}`, null);
  await ready;
  wait(`Looking at ${file.name}`, null);
  const told = await client.ask("recognizeVideo", { file, name: file.name });
  video = file;
  viewer.show(told.frames, false);
  showResult(told, told.label);
}

function take(file: File | undefined): void {
  if (!file) return;
  void attempt(() => {
    if (!BUNDLE.test(file.name)) return recognize(file);
    const opening = ready.then(() => exchange(file));
    ready = opening.catch(() => undefined);
    return opening;
  });
}

function stopCamera(): void {
  if (!camera.on) return;
  camera.stop();
  viewer.clear();
  cameraButton.textContent = "Use the camera";
}

async function toggleCamera(): Promise<void> {
  if (camera.on) return stopCamera();
  await client.ask("setOptions", { runningMode: "LIVE_STREAM" });
  await camera.start(() => {
    stopCamera();
    notice("The camera was taken away. Plug it in again, and start it once more.");
  });
  video = null;
  viewer.live();
  cameraButton.textContent = "Stop the camera";
}

function told(position: number): string {
  if (position >= 1) return "Always closely";
  if (position <= 0) return "Only a glance";
  const macs = opened?.exitMacs ?? [];
  const [low, high] = [macs[0] ?? 0, macs[macs.length - 1] ?? 0];
  return `About ${((low + position * (high - low)) / 1e9).toFixed(2)} GMAC a clip`;
}

client.on("progress", ({ loaded, total }) => {
  if (!opened)
    wait(`Downloading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`, total ? loaded / total : 0);
});
client.on("live", (answer) => {
  if (!camera.on) return;
  viewer.show(answer.told.frames, true);
  showResult(answer.told, answer.shown);
});
client.on("liveError", ({ error }) => {
  if (camera.on) notice(error);
});

input.addEventListener("change", () => {
  take(input.files?.[0]);
  // the same file may be chosen again
  input.value = "";
});
cameraButton.addEventListener("click", () => void attempt(toggleCamera));
testButton.addEventListener("click", () => void attempt(selfTest));
element("notice-close").addEventListener("click", () => (element("notice").hidden = true));
slider.addEventListener("input", () => (element("exit-text").textContent = told(Number(slider.value) / 100)));
slider.addEventListener("change", () => {
  void attempt(async () => {
    await client.ask("setOptions", { position: Number(slider.value) / 100 });
    if (video) await recognize(video);
  });
});

const drop = element("drop");
for (const event of ["dragenter", "dragover"]) {
  document.addEventListener(event, (told) => {
    told.preventDefault();
    drop.classList.add("over");
  });
}
for (const event of ["dragleave", "drop"]) document.addEventListener(event, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer?.files[0]);
});

declare global {
  interface Window {
    /** For tests, and for those who build a page of their own on this one. */
    adafocus: { client: Client; ready: Promise<void> };
  }
}

ready = attempt(async () => {
  await settle();
  await open();
}).then(() => {
  if (!opened) say("Not ready", "bad");
});
window.adafocus = { client, ready };
