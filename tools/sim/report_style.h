/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a report looks: one style sheet, for light and dark, for wide screens and phones. */
#ifndef LOADWISE_SIM_REPORT_STYLE_H
#define LOADWISE_SIM_REPORT_STYLE_H

#define REPORT_STYLE                                                                                                   \
    ":root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--soft:#5a6675;--line:#d7dde5;--best:#e3f3ea;"          \
    "--bestink:#0b5d3b;--card:#f6f8fb}\n"                                                                              \
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8ef;--paper:#12161c;--soft:#9aa7b6;--line:#2f3844;"             \
    "--best:#123a2a;--bestink:#9fe3c0;--card:#1a2029}}\n"                                                              \
    "*{box-sizing:border-box}\n"                                                                                       \
    "body{margin:0 auto;max-width:68rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);"            \
    "font:16px/1.55 system-ui,sans-serif}\n"                                                                           \
    "h1{font-size:1.7rem;line-height:1.2;margin:.2em 0 .4em}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}\n"              \
    "p{max-width:46rem}.soft{color:var(--soft)}\n"                                                                     \
    ".advice{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.2rem 1.1rem;"            \
    "margin:1.2rem 0}.advice p:first-child{font-weight:600}\n"                                                         \
    "code{font:.92em ui-monospace,monospace}\n"                                                                        \
    ".wide{overflow-x:auto}\n"                                                                                         \
    "table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}\n"                             \
    "th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\n"            \
    "th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--paper)}\n"                  \
    "td small{display:block;color:var(--soft)}th small{display:block;font-weight:400;color:var(--soft)}\n"             \
    "td.best{background:var(--best);color:var(--bestink);font-weight:600}\n"                                           \
    "figure{margin:1rem 0}figure svg{width:100%;height:auto;color:var(--ink)}\n"                                       \
    "figcaption{color:var(--soft);font-size:.92rem;max-width:46rem}\n"                                                 \
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:.5rem 1.2rem}\n"                 \
    ".grid figure{margin:0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}"  \
    "dd{margin:0;color:var(--soft)}\n"

#endif
