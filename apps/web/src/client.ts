/** The page's side of the worker: an operation is a promise. */

import type { Operation, Operations, Reply, Request } from "./worker/messages.js";

type Events = { [Name in "progress" | "live" | "liveError"]: Extract<Reply, { event: Name }> };

export class Client {
  private readonly worker = new Worker(new URL("./worker/worker.ts", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, { resolve(found: unknown): void; reject(error: Error): void }>();
  private readonly listeners = new Map<string, (told: never) => void>();
  private id = 0;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if ("event" in data) return this.listeners.get(data.event)?.(data as never);
      const waiting = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ("error" in data) waiting?.reject(new Error(data.error));
      else waiting?.resolve(data.found);
    });
    this.worker.addEventListener("error", () => {
      for (const { reject } of this.waiting.values()) reject(new Error("The page's program did not load. Reload the page."));
      this.waiting.clear();
    });
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
