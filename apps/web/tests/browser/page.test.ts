/** What the page promises: nothing leaves the device, it works without a network, errors are a sentence and it goes on. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";

import { FRAME, launch, noticeOf, settled, site, visit } from "./browser.js";
import { goldenFrames, withGraph, type Frames } from "./frames.js";

let browser: Browser;
let folder: string;
let remove: () => void;
let megabytes: number;
let frames: Frames;
before(async () => {
  [folder, remove, megabytes] = site(FRAME);
  frames = await goldenFrames();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  remove?.();
});

/** The golden frames as a video that the browser makes itself: VP8 in WebM. */
async function recorded(page: Page): Promise<Buffer> {
  const text = Buffer.from(frames.data).toString("base64");
  const made = await page.evaluate(
    async ({ text, count, height, width }) => {
      const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d")!;
      const recorder = new MediaRecorder(canvas.captureStream(), {
        mimeType: "video/webm;codecs=vp8",
        videoBitsPerSecond: 4e6,
      });
      const parts: Blob[] = [];
      recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
      recorder.start();
      for (let n = 0; n < count; n++) {
        const pixels = new Uint8ClampedArray(height * width * 4).fill(255);
        for (let place = 0; place < height * width; place++) {
          pixels.set(data.subarray((n * height * width + place) * 3, (n * height * width + place) * 3 + 3), place * 4);
        }
        context.putImageData(new ImageData(pixels, width, height), 0, 0);
        await new Promise((resolve) => setTimeout(resolve, 120));
      }
      const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve));
      recorder.stop();
      await ended;
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    },
    { text, count: frames.count, height: frames.height, width: frames.width },
  );
  return Buffer.from(made, "base64");
}

async function ask(page: Page, name: string, buffer: Buffer): Promise<string> {
  await page.evaluate(() => (document.getElementById("label")!.textContent = "waiting"));
  await page.setInputFiles("#file", { name, mimeType: "video/webm", buffer });
  await page.waitForFunction(
    () => document.getElementById("label")!.textContent !== "waiting" || !document.getElementById("notice")!.hidden,
  );
  return page.locator("#label").innerText();
}

test("a first visit is not large", () => {
  assert.ok(megabytes > 5 && megabytes <= 15, `a first visit is ${megabytes} MB`);
});

test("nothing leaves the device, and the page works without a network after one visit", async () => {
  const visited = await visit(browser, folder, { headers: {} });
  const { page, address, requests, server } = visited;
  try {
    const video = await recorded(page);
    assert.equal(await ask(page, "a video.webm", video), frames.label);
    assert.equal(await page.locator("#strip li").count(), 4);
    await page.locator("#exit").fill("0");
    await page.waitForFunction(() => document.getElementById("how")!.innerText.startsWith("A glance at 4 frames"));
    assert.match(await page.locator("#times").innerText(), /0\.59 GMAC \(50\s%\)/);
    const strange = requests.filter(({ method, url }) => method !== "GET" || !url.startsWith(address));
    assert.deepEqual(
      strange.filter(({ url }) => !url.startsWith("blob:")),
      [],
    );
    const policy = await page.evaluate(async () => (await fetch("./")).headers.get("Content-Security-Policy"));
    assert.match(policy!, /default-src 'none'.*connect-src 'self'/);
    assert.ok(!policy!.includes("unsafe-inline"));
    const refused = await page.evaluate(() =>
      fetch("https://example.com/", { mode: "no-cors" }).then(
        () => "sent",
        () => "refused",
      ),
    );
    assert.equal(refused, "refused");
    server.close();
    server.closeAllConnections();
    await page.reload();
    await settled(page);
    assert.equal(await ask(page, "again.webm", video), frames.label);
  } finally {
    await visited.close();
  }
});

const BROKEN: [RegExp, (content: Buffer) => Buffer, RegExp][] = [
  [
    /glance\.tflite/,
    (content) => content.subarray(0, 1e6),
    /^graphs\/glance\.tflite was cut off: 1000000 of \d+ bytes came\./,
  ],
  [/focus\.tflite/, changed, /graphs\/focus\.tflite was changed: its SHA-256 is/],
  [/manifest\.json/, () => Buffer.from("{}"), /manifest\.json has no schema version/],
  [/\.wasm/, (content) => content.subarray(0, 1000), /^The program that runs it was cut off/],
];

/** One byte is another one, and the server has unpacked the file. */
function changed(content: Buffer): Buffer {
  const graph = gunzipSync(content);
  graph[graph.length >> 1]! ^= 1;
  return graph;
}

test("a download that breaks off, a changed graph and nonsense are a sentence each, and are not kept", async () => {
  let [file, change]: [RegExp, (content: Buffer) => Buffer] = [BROKEN[0]![0], BROKEN[0]![1]];
  const visited = await visit(browser, folder, {
    instead: (request, response) => {
      if (!file.test(request.url!)) return false;
      response.writeHead(200).end(change(readFileSync(`${folder}${request.url}`)));
      return true;
    },
  });
  const { page } = visited;
  try {
    for (const [place, [, , sentence]] of BROKEN.entries()) {
      assert.match(await noticeOf(page), sentence);
      [file, change] = BROKEN[place + 1] ?? [/^nothing$/, changed];
      await page.reload();
      await settled(page);
    }
    assert.match(await page.locator("#facts").innerText(), /passed/);
  } finally {
    await visited.close();
  }
});

test("files that are no videos, and a camera that is refused, are a sentence each and the page goes on", async () => {
  const visited = await visit(browser, folder);
  const { page } = visited;
  try {
    const video = await recorded(page);
    const avi = Buffer.concat([Buffer.from("RIFF\0\0\0\0AVI LIST"), Buffer.alloc(4096)]);
    const cases: [string, Buffer, RegExp][] = [
      ["old.avi", avi, /^old\.avi is no video that a browser can open, such as MP4, MOV, WebM or MKV\./],
      ["nothing.mp4", Buffer.alloc(0), /^nothing\.mp4 is empty/],
      ["cut.webm", video.subarray(0, 300), /^cut\.webm /],
      ["other.zip", Buffer.from("no zip at all"), /^other\.zip is no zip file, so it is no bundle\./],
      ["cut.zip", readFileSync(FRAME).subarray(0, 5e6), /^cut\.zip is no zip file, so it is no bundle\./],
      [
        "half.zip",
        await withGraph("focus", (graph) => graph.subarray(0, graph.length >> 1)),
        /^The focus graph cannot be opened/,
      ],
      ["twice.zip", await withGraph("glance", () => Buffer.alloc(5000, 7)), /^The glance graph is no graph of LiteRT/],
    ];
    for (const [name, content, sentence] of cases) {
      await ask(page, name, content);
      assert.match(await noticeOf(page), sentence);
      await page.locator("#notice-close").click();
    }
    await page.locator("#camera-button").click();
    await page.locator("#notice").waitFor();
    assert.match(await noticeOf(page), /^(The camera was refused|This device has no camera)\. ?/);
    assert.equal(await ask(page, "good.webm", video), frames.label);
    assert.equal(await noticeOf(page), "");
  } finally {
    await visited.close();
  }
});
