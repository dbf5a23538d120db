/** Opens a bundle: a folder or one stored zip, whose every file is named and hashed in its manifest. */

import { firstContradiction } from "./contradictions.js";
import { sha256 } from "./digests.js";
import { BundleError } from "./errors.js";
import { parseJson } from "./json.js";
import { completed, filesOf, MANIFEST, VERSION, type FileRecord, type Manifest } from "./manifest.js";
import { collision, unsafe } from "./names.js";
import {
  bytesAt,
  checkCrc,
  contentOf,
  Damaged,
  directoryOf,
  ENCRYPTED,
  NoZip,
  STORED,
  type Directory,
  type Member,
} from "./zip.js";

const NAME = "manifest.json";
const MAX_FILES = 4096;
const MAX_BYTES = 2 ** 32 - 1;
const MAX_MANIFEST_BYTES = 4 * 2 ** 20;
const KIND_OF_FILE = 0o170000;
const PLAIN_FILE = 0o100000;
const AGAIN = "Copy the bundle again.";

/** Where the files of a bundle come from. */
export interface Files {
  /** What to call it in a sentence. */
  readonly shown: string;
  /** The bytes of a file, or null where there is none. */
  read(name: string): Promise<Uint8Array | null>;
}

/** Files of a folder, by their paths in it. */
export function folder(shown: string, files: ReadonlyMap<string, Blob>): Files {
  return {
    shown,
    read: async (name) => {
      const file = files.get(name);
      return file ? bytesAt(file, 0, file.size) : null;
    },
  };
}

/** Members of a zip, all of which are checked before one is read. */
export async function zip(shown: string, file: Blob): Promise<Files> {
  return speaking(shown, async () => {
    if (file.size > MAX_BYTES) throw new NoZip(`has ${file.size} bytes, expected at most ${MAX_BYTES}`);
    const directory = await directoryOf(file, MAX_FILES);
    const members = await checked(shown, file, directory);
    return {
      shown,
      read: (name) =>
        speaking(shown, async () => {
          const found = members.get(name);
          if (!found) return null;
          const bytes = await bytesAt(file, found.begin, found.member.size);
          checkCrc(found.member, bytes);
          return bytes;
        }),
    };
  });
}

async function speaking<T>(shown: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NoZip) {
      throw new BundleError(
        "no bundle",
        `${shown} ${error.message}, so it is no bundle. Give what adafocus export wrote.`,
      );
    }
    if (error instanceof Damaged) throw new BundleError("zip", `${shown} is damaged: ${error.message}. ${AGAIN}`);
    throw error;
  }
}

type Placed = ReadonlyMap<string, { member: Member; begin: number }>;

async function checked(shown: string, file: Blob, { members, start }: Directory): Promise<Placed> {
  const files = members.filter(
    (one) => !(one.name.endsWith("/") && one.size === 0 && unsafe(one.name.slice(0, -1)) === null),
  );
  for (const member of files) {
    const told = `${shown} holds ${JSON.stringify(member.name)}`;
    const reason = unsafe(member.name);
    if (reason !== null) throw new BundleError("unsafe name", `${told}, ${reason}. Do not trust it.`);
    const kind = member.mode & KIND_OF_FILE;
    if (kind !== 0 && kind !== PLAIN_FILE) {
      throw new BundleError("zip", `${told}, a link or a device, expected plain files only. Do not trust it.`);
    }
    if (member.method !== STORED || member.flags & ENCRYPTED) {
      throw new BundleError("zip", `${told}, which is compressed or encrypted, expected stored members.`);
    }
    if (member.size !== member.packed) throw new BundleError("zip", `${told}, which states two sizes. ${AGAIN}`);
  }
  const twice = collision(files.map((member) => member.name));
  if (twice !== null) throw new BundleError("zip", `${shown} holds ${JSON.stringify(twice)} twice. Do not trust it.`);
  const ordered = [...files].sort((one, other) => one.at - other.at);
  const placed = new Map<string, { member: Member; begin: number }>();
  for (const [place, member] of ordered.entries()) {
    const end = Math.min(ordered[place + 1]?.at ?? start, start);
    placed.set(member.name, { member, begin: await contentOf(file, member, end) });
  }
  return placed;
}

/** A bundle whose manifest was read; a file is checked whenever it is read. */
export class Bundle {
  private constructor(
    readonly manifest: Manifest,
    /** The manifest as it stands in the bundle. */
    readonly text: Uint8Array,
    private readonly files: Files,
  ) {}

  /** Read the manifest alone. */
  static async described(files: Files): Promise<Bundle> {
    const content = await files.read(NAME);
    if (content === null) {
      throw new BundleError(
        "no bundle",
        `${files.shown} has no ${NAME}, so it is no bundle. Give what adafocus export wrote.`,
      );
    }
    const manifest = parseManifest(content, `${files.shown}/${NAME}`);
    for (const record of filesOf(manifest)) {
      const reason = unsafe(record.file);
      if (reason !== null) {
        const told = `The manifest names ${JSON.stringify(record.file)}, ${reason}.`;
        throw new BundleError("unsafe name", `${told} Do not trust ${files.shown}.`);
      }
    }
    return new Bundle(manifest, content, files);
  }

  /** Read the manifest, and check every file that it names. */
  static async open(files: Files): Promise<Bundle> {
    const bundle = await Bundle.described(files);
    for (const record of filesOf(bundle.manifest)) await bundle.read(record);
    return bundle;
  }

  /** The bytes of a file, which are those that the manifest names. */
  async read(record: FileRecord): Promise<Uint8Array> {
    const told = `${this.files.shown}/${record.file}`;
    const content = await this.files.read(record.file);
    if (content === null) throw new BundleError("missing file", `${told} is missing. Copy the whole bundle again.`);
    if (content.length !== record.bytes) {
      throw new BundleError("size", `${told} has ${content.length} bytes, expected ${record.bytes}. ${AGAIN}`);
    }
    const digest = await sha256(content);
    if (digest !== record.sha256) {
      const [found, wanted] = [digest.slice(0, 12), record.sha256.slice(0, 12)];
      throw new BundleError(
        "digest",
        `${told} was changed: its SHA-256 is ${found}..., expected ${wanted}.... ${AGAIN}`,
      );
    }
    return content;
  }
}

/** Read a manifest; `where` is what to call it in a sentence. */
export function parseManifest(content: Uint8Array, where: string): Manifest {
  if (content.length > MAX_MANIFEST_BYTES) {
    throw new BundleError("json", `${where} has more than ${MAX_MANIFEST_BYTES} bytes, so it is no manifest. ${AGAIN}`);
  }
  let told: unknown;
  try {
    told = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content));
  } catch (error) {
    // engines show the text as it stands, in many lines
    const reason = (error as Error).message.split(/[\n,]/)[0]!;
    throw new BundleError("json", `${where} is not valid JSON (${reason}). ${AGAIN}`);
  }
  const version = (told as { schema_version?: unknown } | null)?.schema_version;
  if (version !== VERSION) {
    const found = version === undefined ? "no schema version" : `schema version ${JSON.stringify(version)}`;
    throw new BundleError(
      "version",
      `${where} has ${found}, this program reads version ${VERSION}. Convert the model again.`,
    );
  }
  try {
    MANIFEST(told, "");
    const manifest = completed(told);
    const problem = firstContradiction(manifest);
    if (problem !== null) throw new BundleError("contradiction", problem);
    return manifest;
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw new BundleError(error.kind, `${where}: ${error.message} Copy the bundle again, or convert the model again.`);
  }
}
