import { PLUGIN_STYLES } from "./plugin-styles.ts";
import { BROWSE_STYLES } from "./browse-styles.ts";
import { REVIEW_STYLES } from "./review-styles.ts";

/** The whole style sheet. Colours meet WCAG AA in both schemes. */
export const STYLES = `
:root{color-scheme:light dark;--bg:#f7f8fa;--surface:#fff;--text:#1b2430;--muted:#55606e;--line:#d5dae1;--accent:#0b5cad;--on-accent:#fff;--good:#17663a;--good-bg:#e3f4e9;--warn:#7a4100;--warn-bg:#fdf0dc;--bad:#9b1c1c;--bad-bg:#fde8e8;--code:#eef1f5;--focus:#0b5cad}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--surface:#1a2029;--text:#e7ebf0;--muted:#a5b0bd;--line:#343d4a;--accent:#7db7f5;--on-accent:#0c1a2a;--good:#8adba9;--good-bg:#163524;--warn:#f3c078;--warn-bg:#3a2a12;--bad:#f5a3a3;--bad-bg:#3f1a1a;--code:#232b36;--focus:#9ccaff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--text);font:1rem/1.55 system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;overflow-wrap:break-word}
a{color:var(--accent);text-underline-offset:.2em}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
h1{font-size:1.75rem;line-height:1.2;margin:.2em 0 .4em}
h2{font-size:1.25rem;line-height:1.3;margin:0 0 .6em}
h3{font-size:1.05rem;margin:0}
code,pre{font-family:ui-monospace,"Cascadia Code",Menlo,Consolas,monospace;font-size:.875em;background:var(--code);border-radius:4px}
code{padding:.1em .3em;overflow-wrap:anywhere}
pre{padding:.75rem 1rem;overflow-x:auto;white-space:pre-wrap}
pre code{padding:0;background:none}
.skip{position:absolute;left:-999em}
.skip:focus{left:1rem;top:1rem;background:var(--surface);padding:.5rem 1rem;z-index:1}
.wrap{max-width:70rem;margin:0 auto;padding:0 1rem}
header.site{background:var(--surface);border-bottom:1px solid var(--line)}
header.site .wrap{display:flex;justify-content:space-between;align-items:center;gap:1rem;min-height:3.5rem}
.brand{font-weight:700;color:var(--text);text-decoration:none;padding:.35rem 0}
footer{border-top:1px solid var(--line);margin-top:3rem;padding:1.5rem 0 2.5rem;color:var(--muted);font-size:.9rem}
main.wrap{padding-top:1.5rem}
.lead,.muted{color:var(--muted)}
.block{display:block}
.lead{margin-top:0}
form.search{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:1rem;margin:1.25rem 0}
.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}
.row+.row,details{margin-top:.9rem}
.field{display:flex;flex-direction:column;gap:.25rem;flex:1 1 11rem;min-width:0}
.field.wide{flex-basis:20rem}
label,legend,summary{font-weight:600;font-size:.9rem}
summary{cursor:pointer;padding:.25rem 0}
input[type=search],input[type=text],input[type=number],select{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--muted);border-radius:8px;padding:.5rem .65rem;min-height:2.75rem;width:100%}
button,.button{font:inherit;font-weight:600;border:0;border-radius:8px;padding:.55rem 1.1rem;min-height:2.75rem;background:var(--accent);color:var(--on-accent);cursor:pointer;text-decoration:none;display:inline-block}
fieldset{border:0;margin:.9rem 0 0;padding:0;min-width:0}
.checks{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:.15rem 1rem;margin-top:.4rem}
.check{display:flex;gap:.5rem;align-items:flex-start;font-weight:400;padding:.2rem 0}
.check input{width:1.25rem;height:1.25rem;margin:.1rem 0 0;flex:none;accent-color:var(--accent)}
ol.cards{list-style:none;margin:0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem}
.card{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:1rem 1.1rem;height:100%;display:flex;flex-direction:column;gap:.35rem}
.card p{margin:0}
.card .text{display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.card .facts{margin-top:auto;padding-top:.5rem}
.facts{display:flex;flex-wrap:wrap;gap:.35rem .75rem;font-size:.875rem;color:var(--muted)}
.badge{display:inline-block;border-radius:999px;padding:.05rem .6rem;font-size:.8rem;font-weight:600;background:var(--code);color:var(--text)}
.badge.good{background:var(--good-bg);color:var(--good)}
.badge.warn{background:var(--warn-bg);color:var(--warn)}
.badge.bad{background:var(--bad-bg);color:var(--bad)}
.notice{border-radius:8px;padding:.75rem 1rem;background:var(--warn-bg);color:var(--warn);margin:1rem 0}
.pages{display:flex;flex-wrap:wrap;gap:1rem;align-items:center;margin:1.5rem 0}
.columns{display:grid;gap:1.25rem;grid-template-columns:minmax(0,1fr)}
@media (min-width:60rem){.columns{grid-template-columns:minmax(0,2fr) minmax(0,1fr)}}
.panel{background:var(--surface);border:1px solid var(--line);border-radius:12px;padding:1.1rem 1.25rem;margin-bottom:1.25rem}
.panel>:last-child{margin-bottom:0}
.plain{list-style:none;margin:0;padding:0}
.plain li{padding:.5rem 0;border-top:1px solid var(--line)}
.plain li:first-child{border-top:0}
dl{margin:0;display:grid;grid-template-columns:auto minmax(0,1fr);gap:.4rem 1rem}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
.digests{font-size:.85rem}
${BROWSE_STYLES}
${PLUGIN_STYLES}
${REVIEW_STYLES}
`.trim();
