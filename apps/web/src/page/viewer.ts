/** The picture with its box, and the strip of frames below it. */

import type { Box } from "../core/looking.js";
import type { ToldFrame } from "../worker/messages.js";
import { element, made } from "./elements.js";

const THUMB_PX = 160;
const FOCUS = "#ffb000";

export class Viewer {
  readonly video = element<HTMLVideoElement>("camera");
  private readonly picture = element<HTMLCanvasElement>("picture");
  private readonly box = element<HTMLCanvasElement>("box");
  private readonly strip = element<HTMLOListElement>("strip");
  private readonly caption = element<HTMLParagraphElement>("caption");
  private readonly empty = element("empty");
  private frames: ToldFrame[] = [];

  /** Show the frames of an answer, the middle one large; a camera's own picture stays where it runs. */
  show(frames: ToldFrame[], live: boolean): void {
    for (const { picture } of this.frames) picture.close();
    this.frames = frames;
    this.strip.replaceChildren(...frames.map((frame, place) => this.thumb(frame, place, live)));
    this.strip.hidden = false;
    this.empty.hidden = true;
    this.picture.hidden = live;
    this.video.hidden = !live;
    if (!live) return this.select(frames.length >> 1);
    this.caption.hidden = true;
    const newest = frames[frames.length - 1];
    this.drawBox(newest?.box ?? null, this.video.videoWidth, this.video.videoHeight);
  }

  /** Show a camera. */
  live(): void {
    this.clear();
    this.empty.hidden = true;
    this.video.hidden = false;
  }

  clear(): void {
    for (const { picture } of this.frames) picture.close();
    this.frames = [];
    for (const part of [this.picture, this.box, this.strip, this.caption, this.video]) part.hidden = true;
    this.empty.hidden = false;
  }

  private select(place: number): void {
    const frame = this.frames[place];
    if (!frame) return;
    draw(this.picture, frame.picture, frame.picture.width);
    this.drawBox(frame.box, frame.picture.width, frame.picture.height);
    this.caption.textContent = told(frame);
    this.caption.hidden = false;
    for (const [turn, button] of this.strip.querySelectorAll("button").entries()) {
      button.setAttribute("aria-pressed", String(turn === place));
    }
  }

  private drawBox(box: Box | null, width: number, height: number): void {
    this.box.hidden = box === null;
    if (box === null) return;
    [this.box.width, this.box.height] = [width, height];
    const context = this.box.getContext("2d")!;
    outline(context, box, width, height);
  }

  private thumb(frame: ToldFrame, place: number, live: boolean): HTMLLIElement {
    const canvas = made("canvas");
    draw(canvas, frame.picture, THUMB_PX);
    if (frame.box) outline(canvas.getContext("2d")!, frame.box, canvas.width, canvas.height);
    const item = made("li");
    const button = made("button");
    button.type = "button";
    button.setAttribute("aria-label", told(frame));
    button.append(canvas);
    if (frame.moment !== null) button.append(made("span", `${frame.moment.toFixed(1)} s`));
    button.addEventListener("click", () => {
      if (!live) this.select(place);
    });
    item.append(button);
    return item;
  }
}

function told({ number, moment, box }: ToldFrame): string {
  const how = box ? "looked at closely" : "seen at a glance";
  return moment === null ? `A frame that was ${how}` : `Frame ${number}, at ${moment.toFixed(1)} s: ${how}`;
}

function draw(canvas: HTMLCanvasElement, picture: ImageBitmap, width: number): void {
  canvas.width = width;
  canvas.height = Math.max(1, Math.round((picture.height * width) / picture.width));
  canvas.getContext("2d")!.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

/** Draw a box, with a dark line around it so that it is seen on bright pictures too. */
function outline(context: CanvasRenderingContext2D, [y, x, tall, wide]: Box, width: number, height: number): void {
  const line = Math.max(2, width / 160);
  const place = [x * width, y * height, wide * width, tall * height] as const;
  context.lineJoin = "round";
  for (const [color, thick] of [
    ["rgb(0 0 0 / 55%)", 2 * line],
    [FOCUS, line],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = thick;
    context.strokeRect(...place);
  }
}
