/** Names of files in a bundle: which must not be used, and which mean the same file on some system. */

const MAX_PART_BYTES = 255;
const MAX_NAME_BYTES = 1024;
const CONTROL_OR_HALF = /[\p{Cc}\p{Cs}]/u;

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Say why a name must not be used inside a bundle: `which lies outside it`, `which ...`; null: it may. */
export function unsafe(name: string): string | null {
  const parts = name.split("/");
  if (name.startsWith("/") || parts.includes("..") || /[\\:]/.test(name)) return "which lies outside it";
  if (parts.includes("") || parts.includes(".")) return "which is no plain file name";
  if (CONTROL_OR_HALF.test(name)) return "which holds control characters";
  if (bytesOf(name) > MAX_NAME_BYTES || parts.some((part) => bytesOf(part) > MAX_PART_BYTES)) {
    return "which is too long for a file name";
  }
  return null;
}

/** The first name that means the same file as another one, or a folder of another one; null: none. */
export function collision(names: readonly string[]): string | null {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const name of names) {
    // systems that ignore case, or that spell an accent in another way, would put both into one file
    const key = name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
    if (files.has(key) || folders.has(key)) return name;
    files.add(key);
    const parts = key.split("/");
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join("/");
      if (files.has(folder)) return name;
      folders.add(folder);
    }
  }
  return null;
}
