/** JSON by the letter, as the device reads it: no key twice, no number that is none. */

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/** Read a text as JSON; the message of what is thrown is half a sentence. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text, (key, found: unknown) => {
    if (typeof found === "number" && !Number.isFinite(found))
      throw new SyntaxError(`a number at '${key}' is too large`);
    return found;
  });
  const twice = firstRepeatedKey(text);
  if (twice !== null) throw new SyntaxError(`the key '${twice.slice(0, 100)}' stands there twice`);
  return value;
}

/** The first key that an object of a valid text has twice. */
function firstRepeatedKey(text: string): string | null {
  // for each open object its keys, for each open list nothing
  const open: (Set<string> | null)[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const keys = open[open.length - 1]!;
      const key = JSON.parse(last) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    last = token;
  }
  return null;
}
