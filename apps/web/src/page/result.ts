/** The cards beside the picture: the answer, what it took, and what runs here. */

import type { Told } from "../worker/messages.js";
import { element, made, percent } from "./elements.js";

const PARTS = [
  ["decode", "Decoding"],
  ["pixels", "Resizing and cutting"],
  ["glance", "Glance"],
  ["policy", "Where to look"],
  ["focus", "Close look"],
] as const;

/** Show an answer; `label` is what a live stream has settled on, null while it has not. */
export function showResult(told: Told, label: string | null): void {
  const shown = element("label");
  shown.textContent = label ?? "Not sure yet";
  shown.classList.toggle("none", label === null);
  element("top").replaceChildren(...told.top.map(([name, share]) => bar(name, share)));
  const how = element("how");
  how.textContent = howOf(told);
  for (const warning of told.warnings) how.append(made("span", warning, "warning"));
  showTimes(told);
}

function bar(name: string, share: number): HTMLLIElement {
  const item = made("li");
  const [line, fill] = [made("div", "", "bar"), made("div")];
  fill.style.width = `${100 * share}%`;
  line.append(fill);
  item.append(made("span", name), made("span", percent(share), "percent"), line);
  return item;
}

function howOf({ exitStage, frames, exitIndex, exits }: Told): string {
  if (exitStage === "glance") return `A glance at ${frames.length} frames was enough.`;
  const early = exitIndex < exits - 1 ? ", and stopped before all of them" : "";
  return `Looked closely at ${frames.length} frames${early}.`;
}

function showTimes({ timingMs, macs, mostMacs }: Told): void {
  const spent = made("div", "", "spent");
  const rows: HTMLElement[] = [];
  for (const [part, name] of PARTS) {
    const ms = timingMs[part];
    if (ms < 0.05) continue;
    const piece = made("div", "", part);
    piece.style.width = `${(100 * ms) / timingMs.total}%`;
    spent.append(piece);
    const title = made("dt");
    title.append(made("i", "", part), name);
    rows.push(title, made("dd", milliseconds(ms)));
  }
  const share = Math.round((100 * macs) / mostMacs);
  rows.push(made("dt", "Together", "sum"), made("dd", milliseconds(timingMs.total), "sum"));
  rows.push(made("dt", "Work"), made("dd", `${(macs / 1e9).toFixed(2)} GMAC (${share}\u00a0%)`));
  element("times").replaceChildren(spent, ...rows);
  element("work").hidden = false;
}

function milliseconds(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** Facts by their names, in order. */
export function showFacts(facts: readonly (readonly [string, string, string?])[]): void {
  element("facts").replaceChildren(
    ...facts.flatMap(([name, value, kind]) => [made("dt", name), made("dd", value, kind ?? "")]),
  );
}
