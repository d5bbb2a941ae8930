import { compareVersions, isVersion } from "@rising-bsm/protocol";
import type { MarkedToken } from "marked";
import { lexMarkdown } from "./bounded-lexer.ts";
import { Rendering, orPlain, plainText } from "./render-markdown.ts";
import type { MarkdownContext } from "./render-markdown.ts";

/** What a changelog says of one version. */
export interface ChangelogSection {
  readonly version: string;
  /** The heading and all below it. */
  readonly html: string;
}

/**
 * HTML of a changelog: as `renderMarkdown`, with each version's part in a section of its own. A
 * version's part begins with a heading that begins with it, such as `## [1.2.0] - 2026-03-01`, and ends
 * before the next heading of the same rank. All of these are of the first level: they also stand alone.
 */
export function renderChangelog(source: string, context: MarkdownContext): string {
  return orPlain(source, () => {
    const parts = partsOf(lexMarkdown(source));
    const depths = parts.flatMap(({ version, depth }) => (version === null ? [] : [depth]));
    const rendering = new Rendering(context, Math.max(1, ...depths));
    return parts.map((part) => renderPart(rendering, part)).join("");
  });
}

interface Part {
  readonly version: string | null;
  readonly depth: number;
  readonly tokens: MarkedToken[];
}

function renderPart(rendering: Rendering, { version, tokens }: Part): string {
  const html = rendering.blocks(tokens);
  return version === null ? html : rendering.element(`section data-version="${version}"`, html);
}

function partsOf(tokens: readonly MarkedToken[]): Part[] {
  const parts: Part[] = [];
  for (const token of tokens) {
    const part = parts.at(-1);
    const next = token.type === "heading" ? partAt(token, part) : undefined;
    if (next !== undefined) parts.push(next);
    else if (part === undefined) parts.push({ version: null, depth: 0, tokens: [token] });
    else part.tokens.push(token);
  }
  return parts;
}

/** The part that begins with the heading; undefined when it belongs to the one before. */
function partAt(
  heading: Extract<MarkedToken, { type: "heading" }>,
  before: Part | undefined,
): Part | undefined {
  const { depth } = heading;
  const version = versionIn(plainText(heading.tokens));
  if (version === null && (before === undefined || depth > before.depth)) return undefined;
  return { version, depth, tokens: [heading] };
}

/** Without the second look at digits its time would grow with the square of theirs. */
const VERSION = /^\[?v?(\d+\.\d+\.\d+(?!\d)[0-9A-Za-z.+-]*)(?=[\]\s:(),]|$)/;

function versionIn(title: string): string | null {
  const [, version = ""] = VERSION.exec(title) ?? [];
  return isVersion(version) ? version : null;
}

/** The versions of a rendered changelog, in its order. No text can write the marks it looks for. */
export function changelogSections(fragment: string): ChangelogSection[] {
  const sections = fragment.matchAll(/<section data-version="([^"]+)">([^]*?)<\/section>/g);
  return [...sections].map(([, version = "", html = ""]) => ({ version, html }));
}

/** What a rendered changelog says of the versions after the older of the two, up to the newer one. */
export function changelogBetween(
  fragment: string,
  [one, other]: readonly [string, string],
): ChangelogSection[] {
  const [older, newer] = compareVersions(one, other) <= 0 ? [one, other] : [other, one];
  return changelogSections(fragment).filter(
    ({ version }) => compareVersions(version, older) > 0 && compareVersions(version, newer) <= 0,
  );
}
