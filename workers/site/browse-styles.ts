/** Rules of the browse page. */
export const BROWSE_STYLES = `
.chips{list-style:none;margin:1rem 0;padding:0;display:flex;flex-wrap:wrap;gap:.5rem}
.chip{display:inline-block;border:1px solid var(--line);border-radius:999px;background:var(--surface);padding:.3rem .85rem;min-height:2.25rem;font-size:.9rem;text-decoration:none}
.chip:hover{border-color:var(--accent)}
.hint{background:var(--surface);border-left:4px solid var(--accent);border-radius:0 8px 8px 0;padding:.6rem 1rem;margin:1rem 0}
.hint p,.hint ul{margin:.2rem 0}
.shelf{margin:1.75rem 0}
.shelf>.head{display:flex;justify-content:space-between;align-items:baseline;gap:1rem}
.card .head{display:flex;gap:.8rem;align-items:flex-start}
.card .head>div{min-width:0}
.tile{flex:none;width:3rem;height:3rem;border-radius:10px;background:var(--code);color:var(--muted);display:flex;align-items:center;justify-content:center;font-size:1.35rem;font-weight:700;object-fit:cover}
.stars{color:var(--text);font-weight:600}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.check{margin-top:.5rem}
.checks .check{margin-top:0}
`.trim();
