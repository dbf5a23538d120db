/** The page's side of the worker: an operation is a promise. */

import type { Operation, Operations, Reply, Request } from "./worker/messages.js";

type Events = { [Name in "progress" | "live" | "liveError"]: Extract<Reply, { event: Name }> };

/** A graph that is not open after so long never will be: its file leads LiteRT in circles. */
const MAX_OPENING_MS = 10_000;

export class Client {
  /** How often the worker had to be started anew; what was open before is gone then. */
  restarts = 0;
  private worker = this.started();
  private readonly waiting = new Map<number, { resolve(found: unknown): void; reject(error: Error): void }>();
  private readonly listeners = new Map<string, (told: never) => void>();
  private id = 0;
  private watch: ReturnType<typeof setTimeout> | undefined;

  private started(): Worker {
    const worker = new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.take(data));
    worker.addEventListener("error", () => this.refuse("The page's program did not load. Reload the page."));
    return worker;
  }

  private take(reply: Reply): void {
    clearTimeout(this.watch);
    if ("event" in reply) {
      if (reply.event === "opening") this.watch = setTimeout(() => this.restart(), MAX_OPENING_MS);
      else this.listeners.get(reply.event)?.(reply as never);
      return;
    }
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(new Error(reply.error));
    else waiting?.resolve(reply.found);
  }

  private restart(): void {
    this.worker.terminate();
    this.worker = this.started();
    this.restarts += 1;
    this.refuse(
      "LiteRT cannot open the model: a graph of it is damaged. Convert the model again, or copy the bundle again.",
    );
  }

  private refuse(sentence: string): void {
    for (const { reject } of this.waiting.values()) reject(new Error(sentence));
    this.waiting.clear();
  }

  on<Name extends keyof Events>(event: Name, listener: (told: Events[Name]) => void): void {
    this.listeners.set(event, listener);
  }

  ask<Name extends Operation>(op: Name, given: Parameters<Operations[Name]>[0]): Promise<ReturnType<Operations[Name]>> {
    const id = this.id++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (found: unknown) => void, reject });
      this.worker.postMessage({ id, op, given } satisfies Request);
    });
  }

  /** Hand a camera's frame over; it belongs to the worker then. */
  frame(frame: VideoFrame, timestampMs: number): void {
    this.worker.postMessage({ frame, timestampMs }, [frame]);
  }
}
