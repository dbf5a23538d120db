/** Reads zips that cannot be trusted: nothing is read past the end of a file, or before it was found to be there. */

const END = [0x50, 0x4b, 5, 6];
const LOCATOR = [0x50, 0x4b, 6, 7];
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
const LOCATOR_BYTES = 20;
const MAX_COMMENT_BYTES = 65535;
const UTF8 = 0x800;

export const STORED = 0;
export const DEFLATED = 8;
export const ENCRYPTED = 1;
const MAX_NAMES_BYTES = 1024;

/** One file in a zip, as the directory at its end tells of it. */
export interface Member {
  name: string;
  flags: number;
  method: number;
  crc: number;
  /** Bytes in the zip, and after they are unpacked. */
  packed: number;
  size: number;
  /** Kind and rights of a file, as Unix has them. */
  mode: number;
  /** Where its own header begins. */
  at: number;
}

/** The members of a zip, and where the directory begins that lists them. */
export interface Directory {
  members: Member[];
  start: number;
}

/** Not even the directory may be read; the message is the end of a sentence that begins with the file's name. */
export class NoZip extends Error {}

/** A zip that is not what it says; the message is half a sentence. */
export class Damaged extends Error {}

/** Bytes of a file, all of which must be there. */
export async function bytesAt(file: Blob, at: number, length: number): Promise<Uint8Array> {
  if (at < 0 || length < 0 || at + length > file.size) throw new Damaged("it ends too early");
  return new Uint8Array(await file.slice(at, at + length).arrayBuffer());
}

function starts(bytes: Uint8Array, at: number, mark: readonly number[]): boolean {
  return at >= 0 && mark.every((byte, place) => bytes[at + place] === byte);
}

/** Read the directory of a zip of at most `maxMembers` files. */
export async function directoryOf(file: Blob, maxMembers: number): Promise<Directory> {
  const before = Math.max(0, file.size - END_BYTES - MAX_COMMENT_BYTES - LOCATOR_BYTES);
  const tail = await bytesAt(file, before, file.size - before);
  let end = tail.length - END_BYTES;
  while (end >= 0 && !starts(tail, end, END)) end -= 1;
  if (end < 0) throw new NoZip("is no zip file");
  if (starts(tail, end - LOCATOR_BYTES, LOCATOR)) throw new NoZip("is a 64-bit zip, expected one of less than 4 GB");
  const told = viewOf(tail, end);
  const [count, length, stated] = [told.getUint16(10, true), told.getUint32(12, true), told.getUint32(16, true)];
  if (count > maxMembers || length > maxMembers * MAX_NAMES_BYTES) {
    throw new NoZip(`names ${count} members in ${length} bytes, expected at most ${maxMembers}`);
  }
  const start = before + end - length;
  // what stands before a zip moves all places in it
  const moved = start - stated;
  if (moved < 0) throw new Damaged("its directory is not where it says");
  const members = membersOf(await bytesAt(file, start, length), moved);
  if (members.length !== count) throw new Damaged(`its directory lists ${members.length} files, expected ${count}`);
  return { members, start };
}

function viewOf(bytes: Uint8Array, at: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
}

function membersOf(directory: Uint8Array, moved: number): Member[] {
  const members: Member[] = [];
  let at = 0;
  while (at < directory.length) {
    if (at + CENTRAL_BYTES > directory.length) throw new Damaged("its directory ends too early");
    const told = viewOf(directory, at);
    if (told.getUint32(0, true) !== CENTRAL) throw new Damaged("its directory holds something else");
    const [name, extra, comment] = [28, 30, 32].map((place) => told.getUint16(place, true)) as [number, number, number];
    const next = at + CENTRAL_BYTES + name + extra + comment;
    if (next > directory.length) throw new Damaged("its directory ends too early");
    const flags = told.getUint16(8, true);
    members.push({
      name: nameOf(directory.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + name), flags),
      flags,
      method: told.getUint16(10, true),
      crc: told.getUint32(16, true),
      packed: told.getUint32(20, true),
      size: told.getUint32(24, true),
      mode: told.getUint32(38, true) >>> 16,
      at: told.getUint32(42, true) + moved,
    });
    at = next;
  }
  return members;
}

/** Names are ASCII, or say that they are UTF-8. */
function nameOf(bytes: Uint8Array, flags: number): string {
  try {
    if (!(flags & UTF8) && bytes.some((byte) => byte > 127)) throw new TypeError("not ASCII");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Damaged("a name in it is not written as UTF-8");
  }
}

/** Where the bytes of a member begin; `end` is where they must end at the latest. */
export async function contentOf(file: Blob, member: Member, end: number): Promise<number> {
  const missing = new Damaged(`there is no ${JSON.stringify(member.name)} where its directory says`);
  if (member.at + LOCAL_BYTES > end) throw missing;
  const header = viewOf(await bytesAt(file, member.at, LOCAL_BYTES), 0);
  if (header.getUint32(0, true) !== LOCAL) throw missing;
  const [name, extra] = [header.getUint16(26, true), header.getUint16(28, true)];
  const begin = member.at + LOCAL_BYTES + name + extra;
  if (begin + member.packed > end) {
    throw new Damaged(`${JSON.stringify(member.name)} in it runs into what follows`);
  }
  const own = await bytesAt(file, member.at + LOCAL_BYTES, name);
  if (nameOf(own, header.getUint16(6, true)) !== member.name) throw missing;
  return begin;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The checksum that a zip has for each of its members. */
export function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (let place = 0; place < bytes.length; place++) {
    value = CRC_TABLE[(value ^ bytes[place]!) & 255]! ^ (value >>> 8);
  }
  return ~value >>> 0;
}

/** Refuse bytes that are not those which were packed. */
export function checkCrc(member: Member, bytes: Uint8Array): void {
  if (bytes.length !== member.size || crc32(bytes) !== member.crc) {
    throw new Damaged(`the checksum of ${JSON.stringify(member.name)} in it is another one`);
  }
}
