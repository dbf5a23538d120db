/** Small helpers for the page's elements. */

/** The element of an id, which index.html has. */
export function element<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element ${id}`);
  return found as Kind;
}

export function made<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text = "",
  className = "",
): HTMLElementTagNameMap[Name] {
  const found = document.createElement(name);
  if (text) found.textContent = text;
  if (className) found.className = className;
  return found;
}

export function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** A share as text, never "100 %" where it is not whole. */
export function percent(share: number): string {
  const shown = 100 * share;
  return shown > 99.9 && shown < 100 ? "99.9 %" : `${shown.toFixed(1)} %`;
}
