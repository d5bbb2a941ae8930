/** Styles of reviews and of the form of a report. */
export const REVIEW_STYLES = `
.reviews{margin-top:1.25rem}
.stars{color:var(--warn);letter-spacing:.05em;white-space:nowrap}
.histogram{display:grid;grid-template-columns:auto minmax(4rem,14rem) auto;gap:.1rem .75rem;align-items:center;justify-content:start;margin:.75rem 0 1rem}
.histogram li{display:contents}
.histogram meter{width:100%}
.review .said{white-space:pre-line;margin:.4rem 0}
.review h3{display:inline}
.reply{border-left:3px solid var(--line);padding-left:.9rem;margin:.6rem 0 0}
textarea{font:inherit;color:inherit;background:var(--bg);border:1px solid var(--muted);border-radius:8px;padding:.5rem .65rem;min-height:9rem;width:100%}
form.report{display:grid;gap:1rem;max-width:40rem}
`.trim();
