import type { MarkedToken, Token, Tokens } from "marked";
import { lexMarkdown, markedTokens } from "./bounded-lexer.ts";
import { imagePath } from "./details.ts";
import type { MediaImage } from "./details.ts";
import { decodeEntities, escapeHtml, safeUrl, slugOf } from "./markdown-text.ts";

/** What a text stands in. */
export interface MarkdownContext {
  /** Begins the ids of its headings, so that they are nobody else's on the page. */
  readonly prefix: string;
  /** The images that it may show, by their path in the bundle. */
  readonly images: ReadonlyMap<string, MediaImage>;
}

/** Characters of the fragment: references and tables say much in few letters. */
const MAX_HTML = 1_048_576;
/** The page's own headings are h1 and h2. */
const FIRST_LEVEL = 3;

class TooLong extends Error {}

/**
 * HTML of a README: well-formed, of the elements that are written here and no others, whatever the
 * text is. Its raw HTML is shown as text, links lead to http, https and mailto, images are those of
 * the context. A text that would become too long is shown as it is.
 */
export function renderMarkdown(source: string, context: MarkdownContext): string {
  return orPlain(source, () => new Rendering(context).blocks(lexMarkdown(source)));
}

/** What the rendering gives; the source itself when there is none within the bounds. */
export function orPlain(source: string, render: () => string): string {
  try {
    return render();
  } catch (error) {
    // The lexer of others may fail over texts that nobody thought of.
    if (!(error instanceof TooLong)) console.error({ markdown: String(error) });
    return `<pre>${escapeHtml(source.replace(/\r\n?/g, "\n"))}</pre>`;
  }
}

/** One text on its way to HTML: it has so many characters left, and knows the ids that are taken. */
export class Rendering {
  #left = MAX_HTML;
  #isInLink = false;
  /** How many headings were called so. */
  readonly #names = new Map<string, number>();
  readonly #ids = new Set<string>();
  /** Depths of the headings that the text stands under. */
  #outline: number[] = [];
  readonly #context: MarkdownContext;
  readonly #topDepth: number;

  /** Headings up to the depth are of the first level, whatever stands above them. */
  constructor(context: MarkdownContext, topDepth = 1) {
    this.#context = context;
    this.#topDepth = topDepth;
  }

  /** HTML of blocks. Throws when it would become too long. */
  blocks(tokens: readonly Token[]): string {
    return markedTokens(tokens)
      .map((token) => this.#block(token))
      .join("");
  }

  /** An element; the content is HTML already. */
  element(tag: string, content: string): string {
    const [name = ""] = tag.split(" ");
    return this.#spend(`<${tag}>`) + content + this.#spend(`</${name}>`);
  }

  #spend(html: string): string {
    this.#left -= html.length;
    if (this.#left < 0) throw new TooLong();
    return html;
  }

  #text(text: string): string {
    return this.#spend(escapeHtml(text));
  }

  #inline(tokens: readonly Token[]): string {
    return markedTokens(tokens)
      .map((token) => this.#span(token))
      .join("");
  }

  #block(token: MarkedToken): string {
    switch (token.type) {
      case "space":
      case "def":
        return "";
      case "heading":
        return this.#heading(token);
      case "paragraph":
        return this.element("p", this.#inline(token.tokens));
      case "blockquote":
        return this.element("blockquote", this.blocks(token.tokens));
      case "list":
        return this.#list(token);
      case "table":
        return this.#table(token);
      default:
        return this.#leaf(token);
    }
  }

  /** A block without others in it. */
  #leaf(token: MarkedToken): string {
    switch (token.type) {
      case "code":
        return this.element("pre", this.element("code", this.#text(token.text)));
      case "hr":
        return this.#spend("<hr>");
      case "html":
        return isComment(token.text) ? "" : this.element("p", this.#text(token.text.trim()));
      default:
        return this.#span(token);
    }
  }

  #span(token: MarkedToken): string {
    switch (token.type) {
      case "text":
        return token.tokens === undefined
          ? this.#text(decodeEntities(token.text))
          : this.#inline(token.tokens);
      case "em":
      case "strong":
      case "del":
        return this.element(token.type, this.#inline(token.tokens));
      case "link":
        return this.#link(token);
      case "image":
        return this.#image(token);
      default:
        return this.#mark(token);
    }
  }

  /** A span without others in it. */
  #mark(token: MarkedToken): string {
    switch (token.type) {
      case "codespan":
        return this.element("code", this.#text(token.text));
      case "br":
        return this.#spend("<br>");
      case "checkbox":
        // Signs, because a field of a form would need a label.
        return this.#spend(token.checked ? "☑ " : "☐ ");
      case "html":
        return this.#rawHtml(token.text);
      case "escape":
        return this.#text(token.text);
      default:
        return this.#text(token.raw);
    }
  }

  #heading({ depth, tokens }: Tokens.Heading): string {
    const level = this.#levelOf(Math.max(depth, this.#topDepth));
    const id = escapeHtml(`${this.#context.prefix}${this.#idOf(slugOf(plainText(tokens)))}`);
    return this.element(`h${level} id="${id}"`, this.#inline(tokens));
  }

  /** One more than that of the heading it stands under, whatever the text leaves out between them. */
  #levelOf(depth: number): number {
    this.#outline = [...this.#outline.filter((above) => above < depth), depth];
    return Math.min(FIRST_LEVEL + this.#outline.length - 1, 6);
  }

  /** The second of a name gets a number, as on GitHub. */
  #idOf(slug: string): string {
    let id = slug;
    let count = this.#names.get(slug) ?? 0;
    for (; this.#ids.has(id); id = `${slug}-${count}`) count += 1;
    this.#names.set(slug, count);
    this.#ids.add(id);
    return id;
  }

  #list({ ordered, start, items }: Tokens.List): string {
    const tag = ordered && start !== "" && start !== 1 ? `ol start="${start}"` : "ol";
    const content = items.map((item) => this.element("li", this.blocks(item.tokens)));
    return this.element(ordered ? tag : "ul", content.join(""));
  }

  #table({ header, rows }: Tokens.Table): string {
    const row = (cells: readonly Tokens.TableCell[], tag: "th" | "td") =>
      this.element(
        "tr",
        cells.map(({ tokens }) => this.element(tag, this.#inline(tokens))).join(""),
      );
    const head = this.element("thead", row(header, "th"));
    const body = rows.map((cells) => row(cells, "td")).join("");
    return this.element("table", head + (body === "" ? "" : this.element("tbody", body)));
  }

  #link({ href, tokens }: Tokens.Link): string {
    const url = href.startsWith("#") ? this.#ownAddress(href) : safeUrl(href);
    return this.#linked(url, () => this.#inline(tokens));
  }

  #ownAddress(href: string): string {
    return `#${this.#context.prefix}${slugOf(decoded(href))}`;
  }

  /** Links do not stand in one another. */
  #linked(url: string | null, content: () => string): string {
    if (url === null || this.#isInLink) return content();
    this.#isInLink = true;
    const rel = url.startsWith("#") ? "" : ' rel="nofollow ugc noopener"';
    const html = this.element(`a href="${escapeHtml(url)}"${rel}`, content());
    this.#isInLink = false;
    return html;
  }

  #image({ href, text, tokens }: Tokens.Image): string {
    const alt = tokens === undefined ? text : plainText(tokens);
    const image = this.#context.images.get(decoded(href).replace(/^(?:\.\/)+/, ""));
    // Others' images are not loaded: they would tell who reads the page.
    if (image === undefined) return this.#linked(safeUrl(href), () => this.#text(alt || href));
    const size = `width="${image.width}" height="${image.height}"`;
    const source = `src="${imagePath(image)}"`;
    return this.#spend(`<img ${source} alt="${escapeHtml(alt)}" ${size} loading="lazy">`);
  }

  #rawHtml(text: string): string {
    if (/^<br *\/?>$/i.test(text)) return this.#spend("<br>");
    return isComment(text) ? "" : this.#text(text);
  }
}

/** What a reader would read of the tokens, without markup. */
export function plainText(tokens: readonly Token[]): string {
  return markedTokens(tokens)
    .map((token) => {
      if ("tokens" in token && token.tokens !== undefined) return plainText(token.tokens);
      if (token.type === "text") return decodeEntities(token.text);
      return "text" in token ? token.text : "";
    })
    .join("");
}

function isComment(html: string): boolean {
  return /^\s*<!--(?:(?!-->)[^])*-->\s*$/.test(html);
}

/** A path as it is written in the manifest; links may escape what need not be. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}
