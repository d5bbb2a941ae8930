import { escapeXml } from "../xml.ts";

/** What a badge says, and whether that is good (green), nothing to speak of (grey), or neither (blue). */
export interface Badge {
  readonly label: string;
  readonly value: string;
  readonly tone: "good" | "plain" | "none";
}

const COLORS = { good: "#17663a", plain: "#0b5cad", none: "#55606e" } as const;
const HEIGHT = 20;
const PADDING = 6;
/** Characters of one text; a version can be longer than a badge should be. */
const MAX_LENGTH = 40;

/** A badge as SVG: text on two rectangles, nothing that loads or runs. */
export function drawBadge(badge: Badge): string {
  const [label, value] = [shorten(badge.label), shorten(badge.value)];
  const [left, right] = [widthOf(label), widthOf(value)];
  const text = escapeXml(`${label}: ${value}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${left + right}" height="${HEIGHT}" role="img" aria-label="${text}">`,
    `<title>${text}</title>`,
    `<rect width="${left + right}" height="${HEIGHT}" rx="4" fill="${COLORS[badge.tone]}"/>`,
    `<path d="M4 0h${left - 4}v${HEIGHT}H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#343d4a"/>`,
    `<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">`,
    `<text x="${PADDING}" y="14" textLength="${left - 2 * PADDING}">${escapeXml(label)}</text>`,
    `<text x="${left + PADDING}" y="14" textLength="${right - 2 * PADDING}">${escapeXml(value)}</text>`,
    `</g></svg>`,
    "",
  ].join("\n");
}

function shorten(text: string): string {
  const letters = Array.from(text);
  return letters.length <= MAX_LENGTH ? text : `${letters.slice(0, MAX_LENGTH - 1).join("")}…`;
}

/** Widths of Verdana at 11 px; `textLength` makes every other font fit. */
function widthOf(text: string): number {
  const widths = Array.from(text, (letter) => {
    if (/[ijlItfr.,:;'|! -]/.test(letter)) return 4.6;
    return /[mwMW@%]/.test(letter) ? 10 : 7.2;
  });
  return Math.ceil(widths.reduce((sum, width) => sum + width, 2 * PADDING));
}
