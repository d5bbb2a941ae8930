import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changelogBetween, changelogSections, renderChangelog } from "./changelog.ts";
import { imagePath } from "./details.ts";
import type { MediaImage } from "./details.ts";
import { renderMarkdown } from "./render-markdown.ts";

const shot: MediaImage = { sha256: "ab".repeat(32), type: "jpeg", width: 800, height: 600 };
const context = { prefix: "readme-", images: new Map([["shots/one.jpg", shot]]) };
const render = (source: string) => renderMarkdown(source, context);

const URL_VALUE = /^(?:https?:\/\/|mailto:)[^\s<>"']*$/;
/** Elements that may be there, each with its attributes and what their values may be. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  ...Object.fromEntries(
    "p blockquote ul li pre code em strong del table thead tbody tr th td"
      .split(" ")
      .map((name) => [name, {}]),
  ),
  ...Object.fromEntries(
    ["h3", "h4", "h5", "h6"].map((name) => [name, { id: /^(?:readme|changelog)-[^\s<>"']*$/u }]),
  ),
  ol: { start: /^\d{1,10}$/ },
  section: { "data-version": /^\d[0-9A-Za-z.+-]*$/ },
  a: {},
  br: {},
  hr: {},
  img: {
    src: /^\/media\/[0-9a-f]{64}\.(?:png|jpg|webp)$/,
    alt: /^[^<>"]*$/,
    width: /^\d+$/,
    height: /^\d+$/,
    loading: /^lazy$/,
  },
};
const VOID = new Set(["br", "hr", "img"]);
const OWN_LINK = /^#(?:readme|changelog)-[^\s<>"']*$/u;
const REFERENCE = /&(?:amp|lt|gt|quot|#39);/g;

/** What is wrong with the HTML; null when it is well-formed and of allowed elements alone. */
function problemOf(html: string): string | null {
  const open: string[] = [];
  let at = 0;
  while (at < html.length) {
    const next = html.indexOf("<", at);
    const text = html.slice(at, next === -1 ? html.length : next);
    if (/[>&"']/.test(text.replace(REFERENCE, ""))) return `text ${JSON.stringify(text)}`;
    if (next === -1) break;
    const end = html.indexOf(">", next);
    if (end === -1) return "a tag without an end";
    const problem = tagProblem(html.slice(next + 1, end), open);
    if (problem !== null) return problem;
    at = end + 1;
  }
  return open.length === 0 ? null : `open at the end: ${open.join(" ")}`;
}

function tagProblem(tag: string, open: string[]): string | null {
  if (tag.startsWith("/")) return open.pop() === tag.slice(1) ? null : `<${tag}>`;
  const parsed = /^([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)$/.exec(tag);
  if (parsed === null) return `<${tag}>`;
  const [, name = "", rest = ""] = parsed;
  if (!areAllowed(name, attributesIn(rest))) return `<${tag}>`;
  if (name === "a" && open.includes("a")) return "a link in a link";
  if (!VOID.has(name)) open.push(name);
  return null;
}

function attributesIn(tag: string): [string, string][] {
  const found = tag.matchAll(/ ([a-z-]+)(?:="([^"]*)")?/g);
  return [...found].map(([, key = "", value = ""]) => [key, value]);
}

function areAllowed(name: string, attributes: readonly [string, string][]): boolean {
  const allowed = Object.hasOwn(ALLOWED, name) ? ALLOWED[name] : undefined;
  if (allowed === undefined) return false;
  const given = Object.fromEntries(attributes);
  if (Object.keys(given).length < attributes.length) return false;
  if (name === "a") return isLink(given);
  return attributes.every(([key, value]) => {
    const pattern = Object.hasOwn(allowed, key) ? allowed[key] : undefined;
    return areEscaped(value) && pattern?.test(unescaped(value)) === true;
  });
}

/** A link within the text, or one of somebody else. */
function isLink({ href = "", rel, ...others }: Record<string, string>): boolean {
  if (Object.keys(others).length > 0 || !areEscaped(href)) return false;
  if (rel === undefined) return OWN_LINK.test(unescaped(href));
  return rel === "nofollow ugc noopener" && URL_VALUE.test(unescaped(href));
}

function areEscaped(value: string): boolean {
  return !value.replace(REFERENCE, "").includes("&");
}

function unescaped(value: string): string {
  return value.replaceAll("&amp;", "&").replaceAll("&quot;", "%22").replaceAll("&#39;", "%27");
}

describe("the checker of these tests", () => {
  test.each([
    "<p>",
    "</p>",
    "<p></b>",
    "<script></script>",
    '<p onclick="x"></p>',
    '<a href="javascript:alert(1)" rel="nofollow ugc noopener"></a>',
    '<a href="https://x.example/"></a>',
    '<img src="https://x.example/a.png">',
    "a & b",
    "a > b",
    '<h3 id="top"></h3>',
  ])("refuses %s", (html) => {
    expect(problemOf(html)).not.toBeNull();
  });
});

const MARKS = `* ** _ ~~ \` \`\`\` [ ]( ) ![ ][ ]: < > </ <!-- --> " ' \\ & | |-|\n`.split(" ");
const PARTS = [
  ..."# |> |- |1. |- [x] |    |\t|---|===|&lt;|&#60;|&colon;|<a href=|<br>|<![CDATA[|<?".split("|"),
  ..."https://x.example/ javascript: data: www.x.example a@x.example shots/one.jpg #a script".split(
    " ",
  ),
  ..."a é \u202e \ud83d 😀 \0 \r".split(" "),
];

describe("renderMarkdown()", () => {
  test.each([
    ["# Title", '<h3 id="readme-title">Title</h3>'],
    ["###### Deep", '<h3 id="readme-deep">Deep</h3>'],
    ["# a\n# a", '<h3 id="readme-a">a</h3><h3 id="readme-a-1">a</h3>'],
    [
      "**b** _e_ ~~d~~ `c<`",
      "<p><strong>b</strong> <em>e</em> <del>d</del> <code>c&lt;</code></p>",
    ],
    ["- [ ] a\n- [x] b", "<ul><li>☐ a</li><li>☑ b</li></ul>"],
    ["3. a", '<ol start="3"><li>a</li></ol>'],
    ["> a\n> > b", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote>"],
    ["```js\na < b\n```", "<pre><code>a &lt; b</code></pre>"],
    [
      "|a|b|\n|-|-|\n|1|2|",
      "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
    ],
    ["a  \nb<br>c", "<p>a<br>b<br>c</p>"],
    ["---", "<hr>"],
    ["&copy; &amp; &lt;b&gt; &nope;", "<p>© &amp; &lt;b&gt; &amp;nope;</p>"],
    ["\\*a\\*", "<p>*a*</p>"],
    ["<b>a</b><!-- c -->", "<p>&lt;b&gt;a&lt;/b&gt;</p>"],
    ["<div>\n\na", "<p>&lt;div&gt;</p><p>a</p>"],
    [
      "![One](./shots/one.jpg)",
      `<p><img src="${imagePath(shot)}" alt="One" width="800" height="600" loading="lazy"></p>`,
    ],
    ["[x](#a-b)", '<p><a href="#readme-a-b">x</a></p>'],
    ["[x](docs/a.md)", "<p>x</p>"],
  ])("makes of %j", (source, html) => {
    expect(render(source)).toBe(html);
    expect(problemOf(html)).toBeNull();
  });

  test("leaves out no level of headings", () => {
    const levels = (source: string) =>
      [...render(source).matchAll(/<h(\d)/g)].map(([, n]) => n).join("");
    expect(levels("## a\n#### b\n#### c\n### d\n# e\n> ### f")).toBe("344434");
    expect(levels("# a\n## b\n### c\n#### d\n##### e\n###### f")).toBe("345666");
  });

  test.each([
    ["## Install & use", "#install--use"],
    ["## 🚀 Features", "#-features"],
    ["# a\n\n# b", "#b"],
    ["# a\n\n# a\n\n# a-1\n\n# a", "#a-2"],
  ])("has for the last heading of %j the link that GitHub has", (headings, link) => {
    const html = render(`${headings}\n\n[x](${link})`);
    const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(html).toContain(`<a href="#${ids.at(-1)}">`);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("leads to http, https and mailto, as somebody else's links", () => {
    const rel = ' rel="nofollow ugc noopener"';
    expect(render("[a](https://x.example/?a=1&b=2) <mailto:a@x.example> www.x.example")).toBe(
      `<p><a href="https://x.example/?a=1&amp;b=2"${rel}>a</a> <a href="mailto:a@x.example"${rel}>mailto:a@x.example</a> ` +
        `<a href="http://www.x.example/"${rel}>www.x.example</a></p>`,
    );
  });

  test("shows an image from elsewhere as a link, which loads nothing", () => {
    expect(render("[![build](https://ci.example/b.svg)](https://ci.example)")).toBe(
      '<p><a href="https://ci.example/" rel="nofollow ugc noopener">build</a></p>',
    );
    expect(render("![a](https://x.example/a.png)")).toContain('<a href="https://x.example/a.png"');
  });

  test.each([
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a](%6aavascript:alert(1))",
    "[a](\u0001javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a](vbscript:x)",
    "[a](file:///etc/passwd)",
    "[a](//x.example/)",
    "[a](https://user@x.example)",
    "[a](http://)",
    "<javascript:alert(1)>",
    "![a](javascript:alert(1))",
    "[a]\n\n[a]: javascript:alert(1)",
    "![a](../../icon.png)",
    "![a](data:image/svg+xml,<svg/onload=alert(1)>)",
  ])("links nothing in %j", (source) => {
    expect(render(source)).not.toMatch(/<(?:a|img) /);
    expect(problemOf(render(source))).toBeNull();
  });

  test.each([
    '[a](https://x.example/"onclick="alert(1))',
    "[a](https://x.example/'><script>alert(1)</script>)",
    '![" onerror="alert(1)](shots/one.jpg)',
    "![<script>](shots/one.jpg)",
    '# " onclick="x',
    "<img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<a href='javascript:x'>[b](https://x.example)</a>",
    "[a [b](https://b.example) c](https://a.example)",
    "[https://b.example](https://a.example)",
    "```\n</code></pre><script>\n```",
    "`</code><script>`",
    "| <script> | a |\n|-|-|\n| [a](javascript:x) | ![b](x) |",
    "<!-- a --><script>--><!--",
    "<!-- a --> <script>",
    "&lt;script&gt; &#60;script&#62; &#x3c;script&#x3e; &#0; &#xd800; &#1114112; &#x202e;",
    "\u202e\u0000\ud800",
    '[a]: https://x.example/"><script>\n\n[a]',
    "- [ ] <input onfocus=alert(1) autofocus>",
  ])("makes harmless HTML of %j", (source) => {
    expect(problemOf(render(source))).toBeNull();
  });

  /** As long as a text may be: what grows with its square takes minutes. */
  const SIZE = 256 * 1024;
  const filled = (piece: string) => piece.repeat(Math.ceil(SIZE / piece.length)).slice(0, SIZE);
  /** As many of the lines as are lexed at all. */
  const lines = (piece: string) => piece.repeat(Math.floor(10_000 / piece.split("\n").length));
  /** Paragraphs as long as the inline grammar takes them in one piece. */
  const inlines = (piece: string) =>
    `${piece.repeat(Math.floor(8_000 / piece.length))}\n\n`.repeat(8);
  test.each([
    ["open brackets", filled("[")],
    ["links without an end", filled("[a](b")],
    ["emphasis without an end", filled("**a *b _c ")],
    ["code of growing fences", Array.from({ length: 700 }, (_, n) => "`".repeat(n + 1)).join("a")],
    ["comments without an end", filled("<!-- ")],
    ["attributes without an end", filled('<a b="c"')],
    ["quotes in quotes", filled(">")],
    ["quotes that lines continue", lines("> a\nb\n")],
    ["lists in quotes that lines continue", lines("> - a\nb\n")],
    ["lists in lists", filled("- ")],
    [
      "lists of growing depth",
      Array.from({ length: 700 }, (_, n) => `${" ".repeat(2 * n)}- a`).join("\n"),
    ],
    ["what could begin a table", lines("a\n|b|\n|-|\n")],
    ["tables without rows", lines("|a|b|\n|-|-\n")],
    [
      "a table that grows by its empty cells",
      `${"|a".repeat(30)}|\n${"|-".repeat(30)}|\n${"|\n".repeat(900)}`,
    ],
    ["headings", lines("a\n=\n")],
    [
      "a reference that says much",
      `[a]: https://x.example/${"y".repeat(2_000)}\n\n${filled("[a] ").slice(0, 200_000)}`,
    ],
    ["links in links", "[".repeat(1_000) + "](b)".repeat(1_000)],
    ["emphasis in emphasis", "*a ".repeat(2_000) + "b*".repeat(2_000)],
    ["addresses", filled("a@b.")],
    ["brackets in paragraphs", inlines("[")],
    ["addresses in paragraphs", inlines("a@b.")],
    ["marks in paragraphs", inlines("*_")],
    ["emphasis within words", inlines("a**b")],
    ["strokes in paragraphs", inlines("~a~~")],
    ["a list that lines continue", `- a\n${`${"a".repeat(25)}\n`.repeat(9_998)}`],
    ["more lines than anybody reads", `- a\n${"a\n".repeat(130_000)}`],
    ["what is not quite the second line of a table", `a\n${"-".repeat(250_000)}x`],
    ["lists and tags that begin no quote", lines("<??>\n")],
  ])("bounds work and result of %s", (_what, source) => {
    const html = render(source);
    expect(html.length).toBeLessThan(2 * 1024 * 1024);
    expect(problemOf(html)).toBeNull();
  });

  test.each([
    ["a table of 40 columns", `${"|a".repeat(40)}|\n${"|-".repeat(40)}|\n`, "<table"],
    ["a table of 1,200 rows", `|a|b|\n|-|-|\n${"|1|2|\n".repeat(1_200)}`, "<table"],
    ["emphasis in a line of 10,000 characters", `**a** ${"b".repeat(10_000)}`, "<strong"],
  ])("shows %s as text", (_what, source, tag) => {
    expect(render(source)).not.toContain(tag);
    expect(problemOf(render(source))).toBeNull();
  });

  test("shows a list of 1,200 lines as three", () => {
    expect(render("1. a\n".repeat(1_200)).match(/<ol[^>]*>/g)).toHaveLength(3);
  });

  test("goes 16 levels deep", () => {
    expect(render("> ".repeat(100)).match(/<blockquote>/g)?.length).toBeLessThanOrEqual(16);
    expect(render("*a _b ".repeat(40) + "c_ d*".repeat(40)).match(/<em>/g)?.length).toBeLessThan(
      40,
    );
  });

  test("shows a text as it is when its HTML would become too long", () => {
    const source = `[a]: https://x.example/${"y".repeat(2_000)}\n\n${"[a] ".repeat(1_000)}`;
    expect(render(source)).toMatch(/^<pre>\[a\]: https:\/\/x\.example/);
    expect(render(source.replaceAll("\n", "\r\n"))).toBe(render(source));
  });

  test("makes well-formed HTML of allowed elements of any text", () => {
    const pieces = fc.constantFrom(...MARKS, ...PARTS, "\n", "\n\n");
    const texts = fc.oneof(
      fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
      fc.string({ unit: "binary", maxLength: 80 }),
    );
    fc.assert(
      fc.property(texts, (source) => {
        expect(problemOf(render(source))).toBeNull();
        expect(problemOf(renderChangelog(source, { ...context, prefix: "changelog-" }))).toBeNull();
      }),
      { numRuns: 500 },
    );
  });
});

describe("a changelog", () => {
  const source = [
    "# Changelog",
    "## [Unreleased]\n- next",
    "## [1.2.0] - 2026-03-01\n### Added\n- a",
    "## 1.1.0 (2026-02-01)\n- b",
    '## v1.0.0\n- c </section><section data-version="9.9.9">',
    "## 1.0.0-rc.1\n- d",
    "## Older\n- e",
    "[1.2.0]: https://x.example/1.2.0",
  ].join("\n\n");
  const html = renderChangelog(source, { prefix: "changelog-", images: new Map() });
  const versions = (sections: ReturnType<typeof changelogSections>) =>
    sections.map(({ version }) => version);

  test("has a section for each version, and what else it says outside of them", () => {
    expect(problemOf(html)).toBeNull();
    expect(versions(changelogSections(html))).toEqual(["1.2.0", "1.1.0", "1.0.0", "1.0.0-rc.1"]);
    const [first, , , last] = changelogSections(html);
    expect(first?.html).toContain("Added");
    expect(first?.html).not.toContain("<li>b</li>");
    expect(last?.html).not.toContain("Older");
    expect(html).toContain("Unreleased");
  });

  // What grows with the square of its length takes minutes.
  test("may have a heading of nothing but digits", () => {
    const digits = `# 1.0.${"1".repeat(250_000)}!`;
    expect(renderChangelog(digits, { ...context, prefix: "changelog-" })).not.toContain("<section");
  });

  test("has its versions on the first level of headings, where they also stand alone", () => {
    const mixed = ["# 2.0.0", "## 1.1.0", "### Fixes", "# 1.0.0", "#### Notes"].join("\n\n");
    for (const text of [source, mixed]) {
      const sections = changelogSections(
        renderChangelog(text, { ...context, prefix: "changelog-" }),
      );
      for (const { html: section } of sections) expect(section).toMatch(/^<h3 /);
      expect(sections.map((section) => section.html).join("")).not.toMatch(/<h[56]/);
    }
  });

  test.each([
    [
      ["1.0.0", "1.2.0"],
      ["1.2.0", "1.1.0"],
    ],
    [
      ["1.2.0", "1.0.0"],
      ["1.2.0", "1.1.0"],
    ],
    [["1.0.0-rc.1", "1.0.0"], ["1.0.0"]],
    [["1.2.0", "1.2.0"], []],
    [
      ["0.1.0", "9.0.0"],
      ["1.2.0", "1.1.0", "1.0.0", "1.0.0-rc.1"],
    ],
  ] as const)("says between %j what came after the older one: %j", ([one, other], expected) => {
    expect(versions(changelogBetween(html, [one, other]))).toEqual(expected);
  });
});
