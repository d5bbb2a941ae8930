import { escapeXml } from "../xml.ts";

const NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9";

export interface SitemapPage {
  /** Absolute. */
  readonly url: string;
  /** Milliseconds since 1970; null is not known. */
  readonly changedAt: number | null;
}

/** A sitemap (sitemaps.org, protocol 0.9): at most 50,000 pages and 50 MB, which is the caller's to keep. */
export function writeSitemap(pages: readonly SitemapPage[]): string {
  return document("urlset", "url", pages);
}

/** The list of a site's sitemaps. */
export function writeSitemapIndex(sitemaps: readonly SitemapPage[]): string {
  return document("sitemapindex", "sitemap", sitemaps);
}

function document(root: string, item: string, pages: readonly SitemapPage[]): string {
  const lines = pages.map(({ url, changedAt }) => {
    const changed =
      changedAt === null ? "" : `<lastmod>${new Date(changedAt).toISOString()}</lastmod>`;
    return `<${item}><loc>${escapeXml(url)}</loc>${changed}</${item}>`;
  });
  const declaration = '<?xml version="1.0" encoding="utf-8"?>';
  return [declaration, `<${root} xmlns="${NAMESPACE}">`, ...lines, `</${root}>`, ""].join("\n");
}
