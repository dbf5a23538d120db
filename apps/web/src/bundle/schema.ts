/** Checks of a manifest's keys and values, one by one; what is wrong is said in a sentence that names the key. */

import { BundleError } from "./errors.js";

/** Refuses a value that is not as the schema has it. */
export type Check = (value: unknown, key: string) => void;

const SHOWN = 80;
const CONTROL = /\p{Cc}/u;

/** The largest whole number that every reader of JSON keeps exactly. */
const MAX_COUNT = 2 ** 53;

function shown(value: unknown): string {
  if (Array.isArray(value)) return `list of ${value.length}`;
  const text = value !== null && typeof value === "object" ? "an object" : JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}...`;
}

function refuse(value: unknown, key: string, wanted: string): never {
  throw new BundleError("value", `'${key}' is ${shown(value)}, expected ${wanted}.`);
}

function within(key: string, part: string | number): string {
  return key ? `${key}.${part}` : String(part);
}

function entries(value: unknown, key: string): [string, unknown][] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) refuse(value, key, "an object");
  return Object.entries(value as object);
}

/** An object with all keys of the first table, maybe some of the second, and no others. */
export function object(needed: Record<string, Check>, others: Record<string, Check> = {}): Check {
  const known = new Map(Object.entries({ ...needed, ...others }));
  return (value, key) => {
    const found = new Map(entries(value, key));
    for (const name of Object.keys(needed)) {
      if (!found.has(name)) throw new BundleError("missing key", `the key '${within(key, name)}' is missing.`);
    }
    for (const [name, part] of found) {
      const check = known.get(name);
      if (!check) {
        const told = within(key, name).slice(0, 200);
        throw new BundleError("unknown key", `unknown key '${told}', expected only the keys of schema version 1.`);
      }
      check(part, within(key, name));
    }
  };
}

/** An object of any keys that a check lets pass. */
export function table(keys: Check, values: Check): Check {
  return (value, key) => {
    for (const [name, part] of entries(value, key)) {
      keys(name, `${key}.[key]`);
      values(part, within(key, name));
    }
  };
}

/** A list, of any length or of a certain one. */
export function list(part: Check, length?: number): Check {
  return (value, key) => {
    if (!Array.isArray(value)) refuse(value, key, "a list");
    if (length !== undefined && value.length !== length) refuse(value, key, `a list of ${length}`);
    value.forEach((one, place) => part(one, within(key, place)));
  };
}

export function optional(check: Check): Check {
  return (value, key) => {
    if (value !== null) check(value, key);
  };
}

export function oneOf(...names: string[]): Check {
  return (value, key) => {
    if (typeof value !== "string" || !names.includes(value))
      refuse(value, key, names.map((name) => `'${name}'`).join(" or "));
  };
}

export function whole(least = -Infinity, most = Infinity): Check {
  return (value, key) => {
    if (typeof value !== "number" || !Number.isInteger(value)) refuse(value, key, "a whole number");
    if (value < least || value > most) refuse(value, key, `a whole number from ${least} to ${most}`);
  };
}

/** A number of things, at least one. */
export const count = whole(1, MAX_COUNT);

export function real(least = -Infinity, most = Infinity): Check {
  return (value, key) => {
    if (typeof value !== "number" || value < least || value > most)
      refuse(value, key, `a number from ${least} to ${most}`);
  };
}

export const share = real(0, 1);

/** A number above 0. */
export function positive(most = Infinity): Check {
  return (value, key) => {
    real(0, most)(value, key);
    if (value === 0) refuse(value, key, "a number above 0");
  };
}

/** A text without what a terminal obeys instead of showing it. */
export function text(least = 0, most = 1000): Check {
  return (value, key) => {
    if (typeof value !== "string") refuse(value, key, "a text");
    const characters = Array.from(value).length;
    if (characters < least || characters > most) refuse(value, key, `a text of ${least} to ${most} characters`);
    if (CONTROL.test(value) || /\p{Cs}/u.test(value)) refuse(value, key, "a text without control characters");
  };
}

export function matching(pattern: RegExp, wanted: string): Check {
  return (value, key) => {
    if (typeof value !== "string" || !pattern.test(value)) refuse(value, key, wanted);
  };
}
