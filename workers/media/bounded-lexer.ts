import { Lexer, Tokenizer } from "marked";
import type { MarkedToken, Token, Tokens, TokensList } from "marked";

/** Lists in quotes in lists, and emphasis in links in emphasis: what is deeper is shown as it was written. */
const MAX_DEPTH = 16;
/** Characters that the inline grammar looks at in one piece; its regular expressions backtrack. */
const MAX_INLINE = 8_192;
/** Characters of a paragraph of more than one line. */
const MAX_PARAGRAPH = 4_096;
/** Every row is filled up to the number of columns. */
const MAX_COLUMNS = 32;
const MAX_ROWS = 1_000;

/** Lines of a quote without a blank one: marked reads a quote again for each line that continues it. */
const MAX_QUOTED = 400;
/** Lines of a list: an item is copied for each of its lines. What follows is a list of its own. */
const MAX_LISTED = 500;
/** Lines of a text. What has more is shown as code. */
const MAX_LINES = 10_000;
/** Lines of a heading that is underlined; its expression reads on to the end for each line of a list. */
const MAX_UNDERLINED = 8;

class BoundedTokenizer extends Tokenizer {
  override blockquote(src: string): Tokens.Blockquote | undefined {
    if (!/^ {0,3}>/.test(src) || linesBeforeBlank(src, MAX_QUOTED) > MAX_QUOTED) return undefined;
    return super.blockquote(src);
  }

  override lheading(src: string): Tokens.Heading | undefined {
    return super.lheading(linesOf(src, MAX_UNDERLINED));
  }

  override list(src: string): Tokens.List | undefined {
    return super.list(linesOf(src, MAX_LISTED));
  }

  /**
   * Of a long paragraph the first lines: whether a table begins is looked for at each of its lines, to
   * the table's end. With a tokenizer of one's own marked does not join the pieces again, each time
   * with a copy of all before.
   */
  override paragraph(src: string): Tokens.Paragraph | undefined {
    return super.paragraph(firstLines(src));
  }

  override table(src: string): Tokens.Table | undefined {
    return isSmallTable(src) ? super.table(src) : undefined;
  }
}

function isSmallTable(src: string): boolean {
  const [header = ""] = /^.*\n {0,3}(?=[ |:]*-)[ |:-]+(?:\n|$)/.exec(src) ?? [];
  if (header === "" || linesBeforeBlank(src, MAX_ROWS) > MAX_ROWS) return false;
  return header.split("|", 2 * MAX_COLUMNS + 1).length <= 2 * MAX_COLUMNS;
}

/** The first line, and what follows it within a paragraph's length. */
function firstLines(src: string): string {
  if (src.length <= MAX_PARAGRAPH) return src;
  const end = src.lastIndexOf("\n", MAX_PARAGRAPH);
  return end === -1 ? src : src.slice(0, end + 1);
}

/** The first lines, so many of them at most. */
function linesOf(src: string, most: number): string {
  let end = 0;
  for (let lines = 0; lines < most; lines++) {
    const next = src.indexOf("\n", end);
    if (next === -1) return src;
    end = next + 1;
  }
  return src.slice(0, end);
}

/** Number of lines up to the first blank one; more than `most` are not counted. */
function linesBeforeBlank(src: string, most: number): number {
  let at = 0;
  for (let lines = 0; lines <= most; lines++) {
    const end = src.indexOf("\n", at);
    if (end === -1 || src.slice(at, end).trim() === "") return lines;
    at = end + 1;
  }
  return most + 1;
}

/** marked's lexer, with bounds on what makes its work and its result grow faster than the text. */
class BoundedLexer extends Lexer {
  #blocks = 0;
  #inlines = 0;

  override blockTokens(src: string, tokens?: Token[], lastParagraphClipped?: boolean): Token[];
  override blockTokens(
    src: string,
    tokens?: TokensList,
    lastParagraphClipped?: boolean,
  ): TokensList;
  override blockTokens(src: string, tokens: Token[] = [], lastParagraphClipped = false): Token[] {
    if (this.#blocks >= MAX_DEPTH) return pushText(tokens, src);
    this.#blocks += 1;
    try {
      return super.blockTokens(src, tokens, lastParagraphClipped);
    } finally {
      this.#blocks -= 1;
    }
  }

  override inlineTokens(src: string, tokens: Token[] = []): Token[] {
    if (this.#inlines >= MAX_DEPTH || src.length > MAX_INLINE) return pushText(tokens, src);
    this.#inlines += 1;
    try {
      return super.inlineTokens(src, tokens);
    } finally {
      this.#inlines -= 1;
    }
  }
}

function pushText(tokens: Token[], text: string): Token[] {
  tokens.push({ type: "text", raw: text, text, escaped: false });
  return tokens;
}

/** Tokens of GitHub-flavored Markdown. Its time grows with the length of the text, whatever it says. */
export function lexMarkdown(source: string): MarkedToken[] {
  if (linesOf(source, MAX_LINES).length < source.length) {
    return [{ type: "code", raw: source, text: source }];
  }
  const lexer = new BoundedLexer({ gfm: true, tokenizer: new BoundedTokenizer() });
  return markedTokens(lexer.lex(source));
}

/** Tokens under their types: without extensions there are no others. */
export function markedTokens(tokens: readonly Token[]): MarkedToken[] {
  return tokens.filter((token): token is MarkedToken => token.type !== "extension");
}
