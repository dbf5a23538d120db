"""The style sheet of the pages: light and dark, wide and narrow, and on paper.

Colors of plots are told apart by the color-blind, too (after Okabe and Ito, jfly.uni-koeln.de/color).
"""

STYLE = """
:root { color-scheme: light dark; --ink: #1d1f24; --faint: #666c77; --page: #fbfaf7; --card: #fff; --rule: #e2dfd8;
  --head: #f4f2ec; --grid: #ecebe7; --warn: #fdf0d5; --warn-edge: #d98e04; --stop: #fbe3de; --stop-edge: #c8371b;
  --decode: #9a7b00; --glance: #0072b2; --full: #c6511c; --exits: #00845f; --plain: #8f4b86; --other: #747a85;
  --trace: #555b66; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e1; --faint: #a2a7b0; --page: #16181c; --card: #1e2126; --rule: #343840; --head: #262a31;
  --grid: #2c3037; --warn: #3a2e12; --warn-edge: #e0a526; --stop: #42201a; --stop-edge: #f0674a;
  --decode: #d9b62c; --glance: #56b4e9; --full: #f08a4b; --exits: #2fc29a; --plain: #d79bce; --other: #a2a7b0;
  --trace: #b3b8c2; }
}
@media print { .plot, pre, table { break-inside: avoid; } }
* { box-sizing: border-box; }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; color: var(--ink); background: var(--page);
  margin: 0; overflow-wrap: break-word; }
main { max-width: 1010px; margin: 0 auto; padding: 28px 18px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 36px 0 8px; }
h3 { font-size: 15px; margin: 0 0 6px; }
p { margin: 6px 0; max-width: 80ch; }
a { color: inherit; }
.faint { color: var(--faint); }
.result { font-size: 20px; line-height: 1.4; margin: 18px 0 6px; }
.result b { font-size: 25px; }
.box { border-left: 4px solid var(--warn-edge); background: var(--warn); padding: 10px 14px; margin: 14px 0;
  border-radius: 3px; }
.box.stop { border-color: var(--stop-edge); background: var(--stop); }
.box ul { margin: 4px 0; padding-left: 20px; }
.box p { max-width: none; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(430px, 100%), 1fr)); gap: 14px;
  margin: 12px 0; }
.plot { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; min-width: 0;
  margin: 0; }
.plot figcaption { color: var(--faint); font-size: 13.5px; margin-top: 6px; }
.plots + .plot, .plot + .plots { margin-top: 14px; }
svg { display: block; max-width: 100%; height: auto; margin: 0 auto; font: 12.5px system-ui, sans-serif; }
svg text { fill: var(--faint); }
svg text.name, svg text.value { fill: var(--ink); }
svg.narrow { display: none; }
@media (max-width: 700px) { svg.wide { display: none; } svg.narrow { display: block; } main { padding: 18px 12px 48px; }
  h1 { font-size: 22px; } .result { font-size: 17px; } .result b { font-size: 21px; } .plot { padding: 10px 8px; } }
.grid { stroke: var(--grid); } .axis { stroke: var(--faint); } .idle { stroke: var(--ink); stroke-dasharray: 5 4; }
.whisker { stroke: var(--ink); stroke-width: 1.6; fill: none; } .band { opacity: 0.13; } .area { opacity: 0.13; }
path.trace { stroke: var(--trace); fill: none; stroke-width: 1; } .curve { fill: none; stroke-width: 1.8; }
.dashed { stroke-dasharray: 5 4; } .pale { opacity: 0.4; } .refused { stroke: var(--stop-edge); stroke-width: 3; }
.fill-decode { fill: var(--decode); } .fill-glance { fill: var(--glance); } .fill-full { fill: var(--full); }
.fill-exits { fill: var(--exits); } .fill-plain { fill: var(--plain); } .fill-other { fill: var(--other); }
.line-glance { stroke: var(--glance); } .line-full { stroke: var(--full); } .line-exits { stroke: var(--exits); }
.line-plain { stroke: var(--plain); } .line-decode { stroke: var(--decode); } .line-other { stroke: var(--other); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; color: var(--faint); margin: 6px 0 0; }
.key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px; vertical-align: -1px; }
.key-decode { background: var(--decode); } .key-glance { background: var(--glance); }
.key-full { background: var(--full); } .key-exits { background: var(--exits); } .key-plain { background: var(--plain); }
.key-other { background: var(--other); } .key-idle { height: 0; border-top: 2px dashed var(--ink); border-radius: 0;
  vertical-align: 4px; } .key-refused { height: 3px; background: var(--stop-edge); vertical-align: 3px; }
.scroll { overflow-x: auto; margin: 10px 0; }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--rule); font-size: 14px; }
th, td { padding: 5px 11px; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { background: var(--head); font-weight: 600; }
th:first-child, td:first-child, table.facts td, table.facts th, td.text, th.text { text-align: left; }
table.facts td, td.text { white-space: normal; overflow-wrap: anywhere; }
td.text { min-width: 17ch; }
pre { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 14px; white-space: pre-wrap;
  font: 14px/1.55 Georgia, "Times New Roman", serif; user-select: all; }
"""
