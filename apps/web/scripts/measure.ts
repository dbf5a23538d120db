/** What the page answers for videos, and how long it takes, for `python -m benchmarks.apps.web`. Prints JSON. */

import { performance } from "node:perf_hooks";
import { basename } from "node:path";
import { parseArgs } from "node:util";

import { asFractions } from "../src/core/looking.js";
import { median, range } from "../src/core/numbers.js";
import { cropPatch } from "../src/pixels/patches.js";
import { emptyPicture } from "../src/pixels/picture.js";
import type { Told } from "../src/worker/messages.js";
import { launch, site, visit, type Visit } from "../tests/browser/browser.js";

const WARM_UP = 3;
const FRAME = 224;
const PATCH = 128;
const PATCHES = 8;
const THREADS = [1, 2];

interface Spent {
  minMs: number;
  medianMs: number;
}

function spentOf(values: readonly number[]): Spent {
  return { minMs: Math.min(...values), medianMs: median(values) };
}

/** Give a file to the page as a user does, and take what it answers. */
async function answered(visited: Visit, file: string): Promise<unknown> {
  const { page } = visited;
  await page.evaluate(() => Object.assign(window, { told: null }));
  await page.setInputFiles("#file", file);
  await page.waitForFunction(() => "told" in window && window.told !== null);
  return page.evaluate(() => (window as unknown as { told: unknown }).told);
}

/** Note the answers that the page gets of its worker. */
async function listen({ page }: Visit): Promise<void> {
  await page.evaluate(() => {
    const { client } = window.adafocus;
    const ask = client.ask.bind(client) as (op: string, given: object) => Promise<unknown>;
    const note = (told: unknown): void => void Object.assign(window, { told });
    client.ask = (async (op: string, given: object) => {
      const found = ask(op, given);
      if (op !== "recognizeVideo") return found;
      found.then(
        (told) => {
          const { label, details, timingMs, warnings } = told as Told;
          note({ label, timingMs, warnings, ...details, logits: Array.from(details.logits) });
        },
        (error: Error) => note({ error: error.message }),
      );
      return found;
    }) as typeof client.ask;
  });
}

/** Times of the networks for one clip. The smallest is that of each network: a busy moment seldom spares them all. */
async function clipTimes({ page }: Visit, turns: number): Promise<Spent> {
  const found = await page.evaluate(
    async ([turns, warmUp]) => {
      const [count, height, width] = [16, 240, 320];
      const data = new Uint8Array(count * height * width * 3).map((_, place) => (place * 7 + (place >> 9) * 13) & 255);
      const spent: [number, number, number][] = [];
      for (let turn = 0; turn < warmUp + turns; turn++) {
        const { client } = window.adafocus;
        const { timingMs } = await client.ask("recognizeFrames", { data, height, width, thresholds: null });
        if (turn >= warmUp) spent.push([timingMs.glance, timingMs.policy, timingMs.focus]);
      }
      return spent;
    },
    [turns, WARM_UP] as const,
  );
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const smallest = [0, 1, 2].map((stage) => Math.min(...found.map((spent) => spent[stage]!)));
  return { minMs: sum(smallest), medianMs: median(found.map(sum)) };
}

/** Time of eight patches out of a frame, in Node's own engine. */
function cropTimes(turns: number): Spent {
  const frame = emptyPicture(FRAME, FRAME);
  frame.data.forEach((_, place) => (frame.data[place] = (place * 7 + (place >> 9) * 13) & 255));
  const boxes = range(PATCHES).map((n) => asFractions([[5 * n, 3 * n, 96 + 8 * n, 100 + 7 * n]], [FRAME, FRAME])[0]!);
  const spent = range(WARM_UP * 20 + turns).map(() => {
    const started = performance.now();
    for (const box of boxes) cropPatch(frame, box, PATCH, [116, 116, 116]);
    return performance.now() - started;
  });
  return spentOf(spent.slice(WARM_UP * 20));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { bundle: { type: "string" }, turns: { type: "string", default: "30" } },
    allowPositionals: true,
  });
  const turns = Number(values.turns);
  const [folder, remove] = site(values.bundle!);
  const browser = await launch();
  const found = {
    browser: `Chromium ${browser.version()}`,
    clips: {} as Record<string, unknown>,
    times: {} as Record<string, object>,
  };
  try {
    const visits = await Promise.all(
      THREADS.map((threads) => visit(browser, folder, { query: `?threads=${threads}` })),
    );
    await listen(visits[0]!);
    for (const file of positionals) found.clips[basename(file)] = await answered(visits[0]!, file);
    for (const [place, threads] of THREADS.entries()) found.times[threads] = await clipTimes(visits[place]!, turns);
    for (const visited of visits) await visited.close();
  } finally {
    await browser.close();
    remove();
  }
  console.log(JSON.stringify({ ...found, crop: cropTimes(10 * turns) }));
}

await main();
