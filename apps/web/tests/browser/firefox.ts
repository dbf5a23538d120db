/**
 * Firefox as Debian has it, by its own protocol of commands (Marionette). Where playwright-core drives it, by WebDriver
 * BiDi, the threads of a worker sometimes do not start; they do where people use it.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { programOf, READY_MS } from "./browser.js";

/** The port is any that is free; nothing is called that disturbs, or that a first visit waits for. */
const SETTINGS = {
  "marionette.port": 0,
  "browser.shell.checkDefaultBrowser": false,
  "browser.aboutwelcome.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "app.update.disabledForTesting": true,
};
const PORT_FILE = "MarionetteActivePort";
const POLL_MS = 200;
const START_MS = 60_000;
const REQUEST = 0;
/** What an answer of Marionette names an element by, after the standard of WebDriver. */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

type Answer = [kind: number, number: number, error: { message: string } | null, found: unknown];

export class Firefox {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private received = Buffer.alloc(0);
  private number = 0;

  private constructor(
    private readonly program: ChildProcess,
    private readonly profile: string,
    private readonly socket: Socket,
  ) {
    socket.on("data", (part) => this.take(part));
  }

  static async launch(): Promise<Firefox> {
    const path = programOf("firefox");
    const profile = mkdtempSync(join(tmpdir(), "adafocus-firefox-"));
    const lines = Object.entries(SETTINGS).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
    writeFileSync(join(profile, "user.js"), lines.join(""));
    const words = ["--headless", "--no-remote", "--marionette", "--profile", profile, "about:blank"];
    const program = spawn(path, words, { stdio: "ignore" });
    const file = join(profile, PORT_FILE);
    const until = Date.now() + START_MS;
    while (!existsSync(file) || !readFileSync(file).length) {
      if (program.exitCode !== null || Date.now() > until) {
        program.kill("SIGKILL");
        throw new Error(`${path} does not start, or takes no commands.`);
      }
      await sleep(POLL_MS);
    }
    const found = new Firefox(program, profile, connect(Number(readFileSync(file, "utf-8")), "127.0.0.1"));
    await found.ask("WebDriver:NewSession", {});
    await found.ask("WebDriver:SetTimeouts", { script: READY_MS, pageLoad: READY_MS });
    return found;
  }

  /** Open a page in place of the one that is open. */
  async open(address: string): Promise<void> {
    await this.ask("WebDriver:Navigate", { url: address });
  }

  /** Call a function inside of the page; what goes in and comes out is JSON. */
  async evaluate<Given, Found>(work: (given: Given) => Found | Promise<Found>, given: Given): Promise<Found> {
    const script = `const [given, done] = arguments;
      const found = (async () => (${work.toString()})(given))();
      found.then((found) => done({ found }), (error) => done({ error: String(error) }));`;
    const { value } = (await this.ask("WebDriver:ExecuteAsyncScript", { script, args: [given] })) as {
      value: { found: Found; error?: string };
    };
    if (value.error !== undefined) throw new Error(value.error);
    return value.found;
  }

  /** Choose a file as a user does. */
  async choose(file: string): Promise<void> {
    const { value } = (await this.ask("WebDriver:FindElement", { using: "css selector", value: "#file" })) as {
      value: Record<string, string>;
    };
    await this.ask("WebDriver:ElementSendKeys", { id: value[ELEMENT], text: file });
  }

  async close(): Promise<void> {
    this.socket.destroy();
    const ended = new Promise((resolve) => this.program.once("exit", resolve));
    if (this.program.exitCode === null && this.program.kill("SIGKILL")) await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: POLL_MS });
  }

  private async ask(name: string, given: object): Promise<unknown> {
    const number = ++this.number;
    const text = Buffer.from(JSON.stringify([REQUEST, number, name, given]));
    const answered = new Promise<Answer>((resolve) => this.waiting.set(number, resolve));
    this.socket.write(Buffer.concat([Buffer.from(`${text.length}:`), text]));
    const [, , error, found] = await answered;
    if (error) throw new Error(`${name}: ${error.message}`);
    return found;
  }

  /** Messages are their length, a colon, and JSON; the first one is a greeting. */
  private take(part: Buffer): void {
    this.received = Buffer.concat([this.received, part]);
    for (;;) {
      const colon = this.received.indexOf(":");
      const end = colon + 1 + Number(this.received.subarray(0, colon).toString());
      if (colon < 0 || this.received.length < end) return;
      const message = JSON.parse(this.received.subarray(colon + 1, end).toString()) as Answer | object;
      this.received = this.received.subarray(end);
      if (!Array.isArray(message)) continue;
      this.waiting.get(message[1] as number)?.(message as Answer);
      this.waiting.delete(message[1] as number);
    }
  }
}
