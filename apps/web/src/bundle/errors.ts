/** Why a bundle is refused. */

import { AdafocusError } from "../core/errors.js";

/** What is wrong; docs/conformance-vectors.md says what each kind means. */
export type Refusal =
  | "no bundle"
  | "zip"
  | "json"
  | "version"
  | "unknown key"
  | "missing key"
  | "value"
  | "contradiction"
  | "unsafe name"
  | "missing file"
  | "size"
  | "digest";

export class BundleError extends AdafocusError {
  override name = "BundleError";

  constructor(
    readonly kind: Refusal,
    sentence: string,
  ) {
    super(sentence);
  }
}
