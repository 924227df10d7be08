/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* How a report looks: one style sheet, for light and dark, for wide screens and phones. */
#ifndef LOADWISE_SIM_REPORT_STYLE_H
#define LOADWISE_SIM_REPORT_STYLE_H

/* clang-format off */
#define REPORT_STYLE \
    ":root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--soft:#556170;--line:#d7dde5;--best:#e3f3ea;" \
    "--bestink:#0b5d3b;--card:#f6f8fb}\n" \
    "@media(prefers-color-scheme:dark){:root{--ink:#e3e8ef;--paper:#12161c;--soft:#9aa7b6;--line:#2f3844;" \
    "--best:#123a2a;--bestink:#9fe3c0;--card:#1a2029}}\n" \
    "*{box-sizing:border-box}\n" \
    "body{margin:0 auto;max-width:68rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);" \
    "font:16px/1.55 system-ui,sans-serif}\n" \
    "h1{font-size:1.7rem;line-height:1.2;margin:.2em 0 .4em}h2{font-size:1.2rem;margin:2.4rem 0 .5rem}\n" \
    "p{max-width:46rem;margin:.6rem 0}.soft,figcaption{color:var(--soft)}\n" \
    ".advice{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.3rem 1.1rem;" \
    "margin:1.2rem 0}.advice p:first-child{font-weight:600;font-size:1.08rem}\n" \
    "code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}\n" \
    ".wide{overflow-x:auto}\n" \
    "table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums}\n" \
    "th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\n" \
    "th:first-child{text-align:left;font-weight:400;position:sticky;left:0;background:var(--paper)}\n" \
    "td small,th small{display:block;font-weight:400;color:var(--soft)}\n" \
    "td.best{background:var(--best);color:var(--bestink);font-weight:600}\n" \
    "figure{margin:1rem 0 1.8rem}figure svg{width:100%;height:auto;color:var(--ink);display:block}" \
    "figure image{image-rendering:pixelated}\n" \
    "figcaption{font-size:.95rem;max-width:46rem;margin-bottom:.4rem}\n" \
    ".narrow{display:none}\n" \
    ".key{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;margin:.4rem 0 0;padding:0 0 0 1rem}" \
    ".key li{display:flex;align-items:center;gap:.5rem}.key svg{width:30px;height:8px;flex:none}\n" \
    ".shades{max-width:26rem;margin:.8rem 1.2rem 1.4rem .4rem}.bar{height:.8rem;border-radius:.2rem}.marks{" \
    "position:relative;height:1.4rem;font-size:.85rem;color:var(--soft)}.marks span{position:absolute;" \
    "transform:translateX(-50%)}\n" \
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(24rem,100%),1fr));gap:.8rem 1.6rem}" \
    ".grid figure{margin:0;min-width:0}.grid figcaption{color:var(--ink);margin:0}\n" \
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}dd{margin:0;" \
    "color:var(--soft)}\n" \
    "@media(max-width:40rem){.broad{display:none}.narrow{display:block}th:first-child{white-space:normal;" \
    "min-width:7.5rem;max-width:9rem}th,td{padding:.35rem .45rem}.key{padding:0}}\n"
/* clang-format on */

#endif
