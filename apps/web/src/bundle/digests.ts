/** SHA-256 of files, folders and labels, as a bundle's manifest has them. */

/** The hex digest of bytes. */
export async function sha256(content: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(content)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The digest of a folder: of the names and digests of its files, in the order of the parts of their paths. */
export async function sha256OfFolder(files: ReadonlyMap<string, Uint8Array>): Promise<string> {
  const lines: string[] = [];
  for (const name of [...files.keys()].sort(byParts)) lines.push(`${name} ${await sha256(files.get(name)!)}\n`);
  return sha256(new TextEncoder().encode(lines.join("")));
}

/** The digest of labels in their order. */
export async function sha256OfLabels(labels: readonly string[]): Promise<string> {
  return sha256(new TextEncoder().encode(labels.join("\0")));
}

/** Compare paths part by part, each by its characters. */
function byParts(one: string, other: string): number {
  const [left, right] = [one.split("/"), other.split("/")];
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    const order = byCharacters(left[place]!, right[place]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** JavaScript compares halves of characters beyond 16 bits; Python compares characters. */
function byCharacters(one: string, other: string): number {
  const [left, right] = [Array.from(one), Array.from(other)];
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    const order = left[place]!.codePointAt(0)! - right[place]!.codePointAt(0)!;
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
