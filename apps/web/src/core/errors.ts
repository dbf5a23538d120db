/** Errors that somebody who uses the program can act on: one plain sentence each. */

export class AdafocusError extends Error {
  override name = "AdafocusError";
}
