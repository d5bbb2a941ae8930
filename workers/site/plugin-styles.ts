/** The part of the style sheet for the pages about one plugin. */
export const PLUGIN_STYLES = `
.title{display:flex;gap:.9rem;align-items:center;margin:.4rem 0 .6rem}
.title h1{margin:0}
.icon{border-radius:14px;flex:none;background:var(--code)}
.jump ul,.links{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem}
.jump{margin:1rem 0 1.25rem}
.jump a,.links a{display:inline-block;padding:.35rem 0}
.links{margin-top:.75rem}
.shots{list-style:none;margin:0;padding:.25rem .25rem .75rem;display:flex;gap:1rem;overflow-x:auto}
.shots li{flex:none}
.shots a{display:block}
.shots img{display:block;width:auto;height:13rem;max-width:75vw;object-fit:contain;border:1px solid var(--line);border-radius:8px;background:var(--code)}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:middle;padding:.35rem .75rem .35rem 0;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-size:.85rem}
tbody th{font-weight:400;overflow-wrap:anywhere}
td.bar{width:40%;padding-right:0}
meter{display:block;width:100%;height:.75rem;border:0;border-radius:999px;background:var(--code)}
meter::-webkit-meter-bar{border:0;border-radius:999px;background:var(--code)}
meter::-webkit-meter-optimum-value{border-radius:999px;background:var(--accent)}
meter::-moz-meter-bar{border-radius:999px;background:var(--accent)}
.prose{overflow-x:auto}
.prose img{max-width:100%;height:auto}
.prose h3,.prose h4,.prose h5,.prose h6{margin:1.4em 0 .4em;line-height:1.3}
.prose>:first-child,.prose>section:first-child>:first-child{margin-top:0}
.prose+.prose{margin-top:1.4rem}
.prose h4{font-size:1rem}
.prose h5,.prose h6{font-size:.9rem}
.prose table{width:auto}
.prose blockquote{margin:1em 0;padding-left:1rem;border-left:3px solid var(--line);color:var(--muted)}
.panel>h3{margin-bottom:.5rem}
.panel.plain{padding-top:.4rem;padding-bottom:.4rem}
`.trim();
