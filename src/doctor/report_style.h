// The style sheet of doctor's page: one accent, light and dark as the reader's system has it, from 360 px of width upwards.
#pragma once

namespace lupo {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #f7f6f3; --card: #ffffff; --ink: #1b1e22; --muted: #5a626b; --line: #e2e0da;
  --accent: #0d6d66; --soft: #d9ebe8; --a1: #62aca4; --a2: #88c2bb; --a3: #a9d3cd; --a4: #d0e6e3; --track: #eceae4;
  --warning: #8a5300; --problem: #b3261e; --code: #f3f1ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121517; --card: #1a1e21; --ink: #e7e5df; --muted: #9da6ae; --line: #2d3338;
    --accent: #5fcabb; --soft: #1f3835; --a1: #2f776f; --a2: #2a645e; --a3: #25514c; --a4: #1f3d3a; --track: #262b2f;
    --warning: #e3a951; --problem: #ff8f85; --code: #14181a;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
main { max-width: 1180px; margin: 0 auto; padding: 32px 24px 48px; }
header { margin-bottom: 20px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 1.05rem; margin: 0 0 12px; }
h3 { font-size: 1rem; margin: 0; font-weight: 600; }
p { margin: 0; }
.sub { color: var(--muted); font-size: 0.92rem; }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px;
  margin: 0 0 20px; min-width: 0;
}
.verdict { border-left: 5px solid var(--accent); }
.verdict strong { display: block; font-size: 1.35rem; line-height: 1.3; letter-spacing: -0.01em; }
.verdict p { margin-top: 4px; }
.layers, .parts { list-style: none; margin: 0; padding: 0; }
.layers li {
  display: grid; grid-template-columns: 7.5rem 11rem 3.6rem 1fr; column-gap: 14px; align-items: baseline;
  padding: 7px 0;
}
.layers li + li { border-top: 1px solid var(--line); }
.layers .what { color: var(--muted); font-size: 0.92rem; }
.layers .limit .layer, .layers .limit .share { color: var(--accent); font-weight: 650; }
.layers .limit .what { color: var(--ink); }
.tag { font-size: 0.78rem; font-weight: 600; letter-spacing: 0.02em; color: var(--muted); }
.limit .tag {
  display: inline-block; margin-left: 8px; padding: 0 7px; border-radius: 20px; background: var(--soft);
  color: var(--accent); white-space: nowrap;
}
.share, .ms { font-variant-numeric: tabular-nums; white-space: nowrap; }
.share { text-align: right; }
.track { position: relative; display: block; height: 9px; border-radius: 5px; background: var(--track); overflow: hidden; }
.layers .track { align-self: start; margin-top: 0.5em; }
.fill { position: absolute; top: 0; bottom: 0; left: 0; min-width: 2px; border-radius: inherit; background: var(--a1); }
.limit .fill, .parts .fill { background: var(--accent); }
.finding + .finding { border-top: 1px solid var(--line); margin-top: 16px; padding-top: 16px; }
.finding.warning .tag .severity { color: var(--warning); }
.finding.problem .tag .severity { color: var(--problem); }
.finding.info .tag .severity { color: var(--accent); }
.finding p { color: var(--muted); font-size: 0.92rem; margin-top: 2px; max-width: 96ch; }
.finding .gain { color: var(--ink); font-weight: 600; }
pre {
  margin: 8px 0 0; padding: 9px 12px; background: var(--code); border: 1px solid var(--line); border-radius: 6px;
  font: 0.86rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  white-space: pre-wrap; user-select: all;
}
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px; margin-bottom: 20px; }
.plots .card { margin: 0; }
.plots .wide { grid-column: 1 / -1; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px 36px; align-items: center; }
svg { display: block; width: 100%; max-width: 600px; height: auto; margin: 0 auto; overflow: visible; }
figcaption p { color: var(--muted); font-size: 0.86rem; margin-top: 10px; }
details { margin-top: 10px; font-size: 0.86rem; }
summary { cursor: pointer; color: var(--accent); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.86rem; }
th, td { text-align: right; padding: 3px 0 3px 10px; white-space: nowrap; }
th { font-weight: 600; color: var(--muted); }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
tbody tr { border-top: 1px solid var(--line); }
.parts li {
  display: grid; grid-template-columns: 5.5rem 1fr 9.5rem; column-gap: 12px; align-items: center;
  padding: 2px 0; font-size: 0.86rem;
}
.parts .ms { color: var(--muted); white-space: normal; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; font-size: 0.92rem; }
dt { color: var(--muted); }
dd { margin: 0; min-width: 0; }
.list { margin: 0; padding-left: 1.1em; font-size: 0.92rem; }
.figures { display: flex; flex-wrap: wrap; gap: 10px 40px; margin: 16px 0 0; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dd { font-size: 1.3rem; font-weight: 600; line-height: 1.25; margin: 0; font-variant-numeric: tabular-nums; }
.figures dt { font-size: 0.82rem; }

svg text { font-family: inherit; font-size: 11px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .axis { font-size: 11px; }
svg .name, svg .note { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
svg .name { fill: var(--ink); font-weight: 600; }
svg .inside { stroke: none; }
svg .strong { fill: var(--ink); }
svg .second { fill: var(--muted); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .roof { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-linejoin: round; }
svg .lower { stroke: var(--muted); stroke-width: 1.2; stroke-dasharray: 5 4; }
svg .limit { fill: none; stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 5 4; }
svg .here { fill: none; stroke: var(--ink); stroke-width: 1; }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 2.2; stroke-linejoin: round; }
svg .curve.second { stroke: var(--muted); }
svg .interval { fill: var(--accent); opacity: 0.16; }
svg .interval.second { fill: var(--muted); }
svg .dot { fill: var(--accent); fill-opacity: 0.85; stroke: var(--card); stroke-width: 1.2; }
svg .dot.hollow { fill: var(--card); fill-opacity: 0.6; stroke: var(--accent); stroke-width: 1.8; }
svg .a1 { fill: var(--a1); } svg .a2 { fill: var(--a2); } svg .a3 { fill: var(--a3); } svg .a4 { fill: var(--a4); }
svg .stem { fill: var(--a1); }
svg .stem.slow { fill: var(--warning); }
@media (max-width: 860px) { .plots, .pair { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  main { padding: 20px 14px 32px; }
  .card { padding: 16px 14px; }
  .layers li { grid-template-columns: 1fr 3.6rem; row-gap: 5px; }
  .layers .track { margin-top: 0; }
  .layers .layer { order: 1; } .layers .share { order: 2; } .layers .track, .layers .none { order: 3; grid-column: 1 / -1; }
  .layers .what { order: 4; grid-column: 1 / -1; } .layers .none { display: none; }
  .parts li { grid-template-columns: 5.2rem 1fr 6.5rem; column-gap: 8px; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 8px; } .facts dt:empty { display: none; }
  .figures { gap: 10px 28px; }
  svg text, svg .axis { font-size: 14px; }
}
@media print { body { background: none; } .card { break-inside: avoid; } }
)css";

}  // namespace lupo
