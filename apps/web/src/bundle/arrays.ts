/** Arrays of a bundle, as NumPy wrote them. What a file claims is checked before memory is asked for. */

import { BundleError } from "./errors.js";
import { product } from "./manifest.js";
import { bytesAt, checkCrc, contentOf, Damaged, DEFLATED, directoryOf, STORED, type Member } from "./zip.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
const MAX_ARRAYS = 4096;
const MAX_HEADER_BYTES = 4096;
const HEADER = /^\{'descr': '[<|]([iuf])([1248])', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \}\s*$/;
const TYPES = {
  i1: Int8Array,
  u1: Uint8Array,
  i4: Int32Array,
  i8: BigInt64Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

export interface StoredArray {
  shape: number[];
  values: Int8Array | Uint8Array | Int32Array | Float32Array | Float64Array;
}

/** Read an `.npz` file, whose arrays together may take `maxBytes`. */
export async function readArrays(
  shown: string,
  content: Uint8Array,
  maxBytes: number,
): Promise<Map<string, StoredArray>> {
  const file = new Blob([new Uint8Array(content)]);
  try {
    const { members, start } = await directoryOf(file, MAX_ARRAYS);
    const claimed = members.reduce((sum, member) => sum + member.size, 0);
    if (claimed > maxBytes + MAX_HEADER_BYTES * members.length) throw new Damaged(`its arrays take ${claimed} bytes`);
    const found = new Map<string, StoredArray>();
    for (const member of members) {
      found.set(member.name.replace(/\.npy$/, ""), arrayOf(member, await unpacked(file, member, start)));
    }
    return found;
  } catch (error) {
    throw new BundleError("value", `${shown} cannot be read (${(error as Error).message}). Copy the bundle again.`);
  }
}

async function unpacked(file: Blob, member: Member, end: number): Promise<Uint8Array> {
  const packed = await bytesAt(file, await contentOf(file, member, end), member.packed);
  const bytes = member.method === DEFLATED ? await inflated(packed, member.size) : packed;
  if (member.method !== DEFLATED && member.method !== STORED) throw new Damaged("it is compressed in an unknown way");
  checkCrc(member, bytes);
  return bytes;
}

/** Unpack bytes, of which no more may come than were promised. */
async function inflated(packed: Uint8Array, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  const reader = new Blob([new Uint8Array(packed)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"))
    .getReader();
  let at = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    if (at + value.length > size) throw new Damaged("it holds more than it says");
    bytes.set(value, at);
    at += value.length;
  }
  if (at !== size) throw new Damaged("it holds less than it says");
  return bytes;
}

function arrayOf(member: Member, bytes: Uint8Array): StoredArray {
  const damaged = new Damaged(`${member.name} in it is no array of plain numbers`);
  if (!MAGIC.every((byte, place) => bytes[place] === byte)) throw damaged;
  const begin = 10 + bytes[8]! + 256 * bytes[9]!;
  if (begin > bytes.length || begin > MAX_HEADER_BYTES) throw damaged;
  const told = HEADER.exec(new TextDecoder("latin1").decode(bytes.subarray(10, begin)));
  const type = told && TYPES[`${told[1]}${told[2]}` as keyof typeof TYPES];
  if (!told || !type) throw damaged;
  const shape = told[3]!
    .split(",")
    .filter((part) => part.trim())
    .map(Number);
  if (bytes.length - begin !== product(shape) * type.BYTES_PER_ELEMENT) throw damaged;
  const values = new type(bytes.slice(begin).buffer);
  return { shape, values: values instanceof BigInt64Array ? Float64Array.from(values, Number) : values };
}
