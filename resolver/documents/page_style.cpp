// Colours have a contrast of at least 4.5 to 1 on their ground, in both schemes. Below 48 rem a row of a table becomes a block, in which
// each cell has the head of its column before it, so that no column is hidden.
#include "resolver/documents/page_parts.hpp"

namespace lictor::documents {
namespace {

constexpr std::string_view style = R"style(
:root {
  color-scheme: light dark;
  --ground: #f6f5f2; --card: #ffffff; --ink: #1d1f22; --soft: #5a5f66; --line: #dedbd4; --field: #ffffff;
  --good: #14683d; --wait: #875000; --bad: #b3261e; --mark: #2f5fb3; --mark-soft: #2f5fb322;
  --banner-good: #dcefe3; --banner-good-ink: #0f4a2b; --banner-wait: #8a5100; --banner-bad: #b3261e; --banner-ink: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171a; --card: #1e2125; --ink: #e8e6e1; --soft: #a3a9b2; --line: #383d44; --field: #15171a;
    --good: #5fcf94; --wait: #e5ac4d; --bad: #ff8a80; --mark: #8fb4ff; --mark-soft: #8fb4ff22;
    --banner-good: #163324; --banner-good-ink: #b9efd1; --banner-wait: #6b4300; --banner-bad: #8f1f19; --banner-ink: #ffffff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 112rem; padding: 1rem clamp(.7rem, 2vw, 2rem) 3rem; background: var(--ground); color: var(--ink);
       font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
a { color: var(--mark); }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1rem; margin-bottom: .7rem; }
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1rem; margin: 0 0 .6rem; font-weight: 650; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 0; }
.soft { color: var(--soft); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.banner { border-radius: .6rem; padding: .7rem 1rem; margin-bottom: .9rem; }
.banner.good { background: var(--banner-good); color: var(--banner-good-ink); }
.banner.notice { background: var(--banner-wait); color: var(--banner-ink); }
.banner.bad { background: var(--banner-bad); color: var(--banner-ink); }
#worst { font-size: 1.25rem; font-weight: 650; line-height: 1.3; }
#others { margin: .35rem 0 0; padding-left: 1.2rem; }
#others:empty { display: none; }
main { display: grid; gap: .9rem; grid-template-columns: repeat(12, minmax(0, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; grid-column: span 12; min-width: 0; }
@media (min-width: 40rem) { .quarter, .half { grid-column: span 6; } }
@media (min-width: 62rem) { .third { grid-column: span 4; } .two { grid-column: span 8; } .quarter { grid-column: span 3; } }
@media (max-width: 78rem) { .table { grid-column: span 12; } }
@media (min-width: 48rem) and (max-width: 78rem) { #consul { grid-template-columns: repeat(3, max-content minmax(0, 1fr)); } }
.pill { display: inline-block; border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .82rem; font-weight: 600; }
.good { color: var(--good); } .wait, .notice { color: var(--wait); } .bad { color: var(--bad); }
.big { font-size: 1.6rem; font-weight: 650; line-height: 1.2; margin: .15rem 0 .25rem; }
.item + .item { border-top: 1px solid var(--line); margin-top: .9rem; padding-top: .9rem; }
.row { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .8rem; margin-bottom: .3rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th { overflow-wrap: normal; text-align: left; color: var(--soft); font-weight: 600; vertical-align: bottom; }
th, td { padding: .22rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
td summary { padding: 0; }
td { vertical-align: top; }
.tight { white-space: nowrap; }
.n { text-align: right; white-space: nowrap; }
th.n { white-space: normal; }
th button { all: unset; cursor: pointer; text-decoration: underline dotted; text-underline-offset: .2em; }
th button:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
th[aria-sort="ascending"] button::after { content: " \2191"; } th[aria-sort="descending"] button::after { content: " \2193"; }
@media (max-width: 48rem) {
  table, caption, tbody, tr, td { display: block; width: 100%; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-bottom: 1px solid var(--line); padding: .4rem 0; }
  td, td.n { border: 0; padding: .08rem 0; display: grid; grid-template-columns: 8.5rem minmax(0, 1fr); gap: .6rem; text-align: left; white-space: normal; }
  td::before { content: attr(data-head); color: var(--soft); }
  td.alone { display: block; } td.alone::before { content: none; }
}
dl { display: grid; align-content: start; grid-template-columns: minmax(6rem, max-content) minmax(0, 1fr); gap: .15rem .9rem; margin: 0; font-size: .92rem; }
dt { color: var(--soft); } dd { margin: 0; }
.chart { display: block; width: 100%; height: 4.5rem; margin-top: .4rem; border-bottom: 1px solid var(--line); }
.chart path { fill: none; stroke: var(--mark); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.chart path.area { fill: var(--mark-soft); stroke: none; }
.chart path.fault { stroke: var(--bad); }
.axis { display: flex; justify-content: space-between; font-size: .78rem; color: var(--soft); }
progress { width: 100%; height: .5rem; accent-color: var(--mark); margin: .4rem 0; }
summary { cursor: pointer; padding: .15rem 0; }
.line { list-style: none; margin: .3rem 0; padding: 0; font-size: .9rem; }
.line li { display: grid; grid-template-columns: 6.2rem minmax(3rem, 22rem) minmax(0, 1fr); gap: .8rem; align-items: center; }
.line svg { width: 100%; height: 1.1rem; overflow: visible; }
.line line { stroke: var(--line); stroke-width: 2; } .line circle { fill: var(--mark); }
.log { list-style: none; margin: 0; padding: 0; font-size: .9rem; }
.log li { padding: .2rem 0; border-bottom: 1px solid var(--line); }
.log li:last-child { border: 0; }
form { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: end; margin-bottom: .5rem; }
label { display: grid; font-size: .82rem; color: var(--soft); min-width: 0; }
label.wide { flex: 1 1 14rem; }
input, form button, .more { font: inherit; color: var(--ink); background: var(--field); border: 1px solid var(--soft); border-radius: .35rem; padding: .25rem .6rem; min-width: 0; max-width: 100%; }
form button, .more { cursor: pointer; }
nav { margin-top: 1.2rem; display: flex; flex-wrap: wrap; gap: .3rem 1rem; }
[hidden] { display: none !important; }
@media (max-width: 48rem) { .line li { grid-template-columns: 5.6rem minmax(0, 1fr); } .line li svg { grid-column: 1 / -1; grid-row: 2; height: .8rem; } }
)style";

}  // namespace

std::string_view page_style() { return style; }

}  // namespace lictor::documents
