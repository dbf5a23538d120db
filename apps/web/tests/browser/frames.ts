/** The golden frames of the shipped bundle, and files that are made of them. */

import { readFileSync } from "node:fs";

import { readArrays } from "../../src/bundle/arrays.js";
import { Bundle, zip } from "../../src/bundle/bundle.js";
import { crc32, directoryOf, contentOf } from "../../src/bundle/zip.js";
import { FRAME } from "./browser.js";

export interface Frames {
  label: string;
  count: number;
  height: number;
  width: number;
  data: Uint8Array;
}

/** Candidates of the golden clip, RGB. */
export async function goldenFrames(): Promise<Frames> {
  const bundle = await Bundle.described(await zip("bundle.zip", new Blob([readFileSync(FRAME)])));
  const { golden } = bundle.manifest;
  const { shape, values } = (await readArrays("clip", await bundle.read(golden.frames), 2 ** 27)).get("candidates")!;
  const [count, height, width] = shape as [number, number, number];
  return { label: golden.label!, count, height, width, data: values as Uint8Array };
}

/** A video of raw frames for a camera that is played from a file: YUV4MPEG2, two frames a second. */
export function rawVideo({ count, height, width, data }: Frames): Buffer {
  const [tall, wide] = [height & ~1, width & ~1];
  const parts: Buffer[] = [Buffer.from(`YUV4MPEG2 W${wide} H${tall} F2:1 Ip A1:1 C420jpeg\n`)];
  for (let n = 0; n < count; n++) {
    const at = (y: number, x: number): number => ((n * height + y) * width + x) * 3;
    const mixed = (place: number, [r, g, b]: readonly number[], zero: number): number =>
      Math.round(zero + (r! * data[place]! + g! * data[place + 1]! + b! * data[place + 2]!) / 256);
    const plane = (step: number, factors: readonly number[], zero: number): Buffer => {
      const found = Buffer.alloc((tall / step) * (wide / step));
      for (let y = 0, to = 0; y < tall; y += step)
        for (let x = 0; x < wide; x += step) found[to++] = mixed(at(y, x), factors, zero);
      return found;
    };
    parts.push(
      Buffer.from("FRAME\n"),
      plane(1, [66, 129, 25], 16),
      plane(2, [-38, -74, 112], 128),
      plane(2, [112, -94, -18], 128),
    );
  }
  return Buffer.concat(parts);
}

/** The shipped bundle with another graph, whose size and digest its manifest states rightly. */
export async function withGraph(stage: "glance" | "focus", change: (graph: Buffer) => Uint8Array): Promise<Buffer> {
  const file = new Blob([readFileSync(FRAME)]);
  const { members, start } = await directoryOf(file, 100);
  const files: Map<string, Buffer> = new Map();
  for (const member of members) {
    const begin = await contentOf(file, member, start);
    files.set(member.name, Buffer.from(await file.slice(begin, begin + member.size).arrayBuffer()));
  }
  const manifest = JSON.parse(files.get("manifest.json")!.toString());
  const record = manifest.stages[stage].litert;
  const graph = change(files.get(record.file)!);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(graph)));
  Object.assign(record, { bytes: graph.length, sha256: Buffer.from(digest).toString("hex") });
  files.set(record.file, Buffer.from(graph)).set("manifest.json", Buffer.from(JSON.stringify(manifest)));
  return stored(files);
}

function stored(files: ReadonlyMap<string, Buffer>): Buffer {
  const [parts, records]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, content] of files) {
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50);
    header.writeUInt32LE(crc32(content), 14);
    header.writeUInt32LE(content.length, 18);
    header.writeUInt32LE(content.length, 22);
    header.writeUInt16LE(name.length, 26);
    const record = Buffer.alloc(46);
    record.writeUInt32LE(0x02014b50);
    header.copy(record, 16, 14, 28);
    record.writeUInt32LE(at, 42);
    parts.push(header, Buffer.from(name), content);
    records.push(record, Buffer.from(name));
    at += 30 + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  const directory = Buffer.concat(records);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, end]);
}
