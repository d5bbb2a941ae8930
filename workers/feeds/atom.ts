import { localText, sha256, utf8 } from "@rising-bsm/protocol";
import type { Locale } from "@rising-bsm/protocol";
import { storedManifest } from "../stored-manifest.ts";
import { uuidOf } from "../uuid.ts";
import { escapeXml } from "../xml.ts";

/** A release as a feed shows it. */
export interface FeedRelease {
  readonly plugin: string;
  readonly version: string;
  readonly manifest: string;
  /** Milliseconds since 1970. */
  readonly publishedAt: number;
  /** Display name. */
  readonly publisher: string;
}

/** One feed in one language. */
export interface Feed {
  readonly title: string;
  /** Path of the feed and of the page that it is about, without the language. */
  readonly path: string;
  readonly page: string;
  readonly releases: readonly FeedRelease[];
  readonly locale: Locale;
  /** `https://host` of the URLs. */
  readonly origin: string;
  /** Name of this marketplace's log: ids stay the same when it moves to another host. */
  readonly authority: string;
}

/** An Atom 1.0 document (RFC 4287). `releases`: the newest first. */
export async function writeAtom(feed: Feed): Promise<string> {
  const { locale, path } = feed;
  const newest = Math.max(0, ...feed.releases.map(({ publishedAt }) => publishedAt));
  const entries = await Promise.all(feed.releases.map((release) => writeEntry(feed, release)));
  return [
    `<?xml version="1.0" encoding="utf-8"?>`,
    `<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="${locale}">`,
    element("id", await idOf(feed, `feed ${path} ${locale}`)),
    element("title", feed.title),
    element("updated", iso(newest)),
    link("self", urlOf(feed, path), "application/atom+xml"),
    link("alternate", urlOf(feed, feed.page), "text/html"),
    ...entries,
    "</feed>",
    "",
  ].join("\n");
}

async function writeEntry(feed: Feed, release: FeedRelease): Promise<string> {
  const { plugin, version, publisher } = release;
  const { displayName = plugin, description, categories } = storedManifest(release);
  const at = iso(release.publishedAt);
  return [
    "<entry>",
    element("id", await idOf(feed, `release ${plugin} ${version}`)),
    element("title", `${localText(displayName, feed.locale)} ${version}`),
    element("published", at),
    element("updated", at),
    `<author>${element("name", publisher)}</author>`,
    link("alternate", urlOf(feed, `/plugins/${plugin}`), "text/html"),
    ...categories.map((category) => `<category term="${escapeXml(category)}"/>`),
    ...(description === undefined ? [] : [element("summary", localText(description, feed.locale))]),
    "</entry>",
  ].join("\n");
}

function element(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}

function link(rel: string, href: string, type: string): string {
  return `<link rel="${rel}" type="${type}" href="${escapeXml(href)}"/>`;
}

function urlOf({ origin, locale }: Feed, path: string): string {
  return `${origin}${path}?lang=${locale}`;
}

async function idOf({ authority }: Feed, what: string): Promise<string> {
  return `urn:uuid:${uuidOf(await sha256(utf8(`${authority}\n${what}`)))}`;
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
