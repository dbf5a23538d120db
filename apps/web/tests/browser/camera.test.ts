/** A camera that plays the golden frames again and again, on a page as wide as a phone. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { FRAME, launch, noticeOf, site, visit } from "./browser.js";
import { goldenFrames, rawVideo } from "./frames.js";

test("a camera is answered three times, its memory stays bounded, and it stops", async () => {
  const place = mkdtempSync(join(tmpdir(), "adafocus-camera-"));
  const frames = await goldenFrames();
  // another video, for a look at the page: CAMERA=file.mjpeg LABEL=archery SCREENSHOT=page.png
  const camera = process.env["CAMERA"] ?? join(place, "camera.y4m");
  const label = process.env["LABEL"] ?? frames.label;
  writeFileSync(join(place, "camera.y4m"), rawVideo(frames));
  const [folder, remove] = site(FRAME);
  const browser = await launch([
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    `--use-file-for-fake-video-capture=${camera}`,
  ]);
  try {
    const visited = await visit(browser, folder, {
      context: { viewport: { width: 390, height: 844 }, permissions: ["camera"] },
    });
    const { page } = visited;
    await page.evaluate(() => {
      const seen: string[] = [];
      Object.assign(window, { seen });
      const list = document.getElementById("top")!;
      // a new answer has new rows
      new MutationObserver(() => seen.push(list.querySelector("span")!.textContent!)).observe(list, {
        childList: true,
      });
    });
    await page.locator("#camera-button").click();
    await page.waitForFunction(() => (window as unknown as { seen: string[] }).seen.length >= 5);
    const seen = await page.evaluate(() => (window as unknown as { seen: string[] }).seen);
    // the first windows are not full yet
    assert.deepEqual(seen.slice(2, 5), [label, label, label]);
    const { held } = await page.evaluate(() => window.adafocus.client.ask("counts", {}));
    assert.ok(held > 0 && held <= 18, `${held} frames are held`);
    assert.equal(await noticeOf(page), "");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} px wide`);
    const shot = process.env["SCREENSHOT"];
    if (shot) await page.screenshot({ path: shot, fullPage: true });
    await page.locator("#camera-button").click();
    await page.locator("#empty").waitFor();
    await visited.close();
  } finally {
    await browser.close();
    remove();
    rmSync(place, { recursive: true });
  }
});
