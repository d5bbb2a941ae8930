/** What XML 1.0 has no spelling for: most control characters, halves of surrogate pairs, U+FFFE, U+FFFF. */
const NOT_XML = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  // A parser would make spaces of them in an attribute.
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** Text for an element or an attribute of XML and SVG. What XML cannot hold becomes U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replaceAll(NOT_XML, "\uFFFD")
    .replaceAll(/[&<>"'\t\n\r]/g, (sign) => ENTITIES[sign] ?? sign);
}
