/** An element of a document that `parseXml` took. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

/**
 * A strict reader of the XML that feeds, sitemaps and badges are: a declaration, then one element.
 * Throws for anything that is not well formed, and for what none of them has (comments, CDATA, doctypes).
 */
export function parseXml(text: string): Element {
  if (/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(text)) {
    throw new Error("A character that XML has no place for");
  }
  const reader = { text: text.replace(/^<\?xml version="1.0" encoding="utf-8"\?>\n/, ""), at: 0 };
  const root = readElement(reader);
  if (reader.text.slice(reader.at).trim() !== "") throw new Error("Something after the root");
  return root;
}

interface Reader {
  readonly text: string;
  at: number;
}

function take(reader: Reader, pattern: RegExp): RegExpExecArray {
  const sticky = new RegExp(pattern.source, "yu");
  sticky.lastIndex = reader.at;
  const match = sticky.exec(reader.text);
  if (match === null)
    throw new Error(
      `Not well formed at ${reader.at}: ${reader.text.slice(reader.at, reader.at + 40)}`,
    );
  reader.at = sticky.lastIndex;
  return match;
}

function readElement(reader: Reader): Element {
  const [, name = "", given = "", empty] = take(
    reader,
    /<([A-Za-z][A-Za-z0-9:-]*)((?: [A-Za-z][A-Za-z0-9:-]*="[^"<]*")*) ?(\/)?>/,
  );
  const attributes: Record<string, string> = {};
  for (const [, key = "", value = ""] of given.matchAll(/ ([A-Za-z][A-Za-z0-9:-]*)="([^"<]*)"/g)) {
    if (Object.hasOwn(attributes, key)) throw new Error(`${key} twice`);
    attributes[key] = unescape(value);
  }
  const children = empty === "/" ? [] : readChildren(reader);
  if (empty !== "/") take(reader, new RegExp(`</${name}>`));
  return { name, attributes, children };
}

function readChildren(reader: Reader): (Element | string)[] {
  const children: (Element | string)[] = [];
  while (!reader.text.startsWith("</", reader.at)) {
    if (reader.text[reader.at] === "<") children.push(readElement(reader));
    else children.push(unescape(take(reader, /[^<]+/)[0]));
  }
  return children;
}

function unescape(text: string): string {
  const rest = text.replaceAll(/&(?:amp|lt|gt|quot|#\d+);/g, "");
  if (rest.includes("&")) throw new Error(`A bare ampersand in ${text}`);
  return text.replaceAll(/&(amp|lt|gt|quot|#(\d+));/g, (_, name: string, code?: string) =>
    code === undefined ? (NAMED[name] ?? "") : String.fromCodePoint(Number(code)),
  );
}

/** All elements of a name, wherever they are. */
export function elementsOf(root: Element, name: string): Element[] {
  const inner = root.children.flatMap((child) =>
    typeof child === "string" ? [] : elementsOf(child, name),
  );
  return root.name === name ? [root, ...inner] : inner;
}

/** The text of an element and all inside of it. */
export function textOf(element: Element | undefined): string {
  return (element?.children ?? [])
    .map((child) => (typeof child === "string" ? child : textOf(child)))
    .join("");
}
