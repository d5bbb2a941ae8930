import { base64, localText, sha256, utf8 } from "@rising-bsm/protocol";
import { raw } from "hono/html";
import { imagePath } from "../media/details.ts";
import type { PluginView } from "./plugin-view.ts";
import { TEXTS } from "./texts.ts";

/** What search engines and messengers read of a plugin's page. */
export interface PluginHead {
  /** JSON-LD, in the one form whose hash the page's policy allows. */
  readonly script: string;
  /** Absolute address of this page in this language. */
  readonly url: string;
  readonly image: string | null;
}

export function pluginHead(view: PluginView, url: string): PluginHead {
  const { icon, screenshots } = view.plugin.details;
  const image = screenshots[0] ?? icon;
  const absolute = (path: string) => new URL(path, url).href;
  const images = [...screenshots, ...(icon === null ? [] : [icon])].map(imagePath).map(absolute);
  return {
    // "<" could end the element: JSON has another spelling for it.
    script: JSON.stringify(describeApplication(view, { url, images })).replaceAll("<", "\\u003c"),
    url,
    image: image === null ? null : absolute(imagePath(image)),
  };
}

/** schema.org's words for a plugin. What is unknown is left out. */
function describeApplication(
  { plugin, document, language: { locale } }: PluginView,
  { url, images }: { readonly url: string; readonly images: readonly string[] },
) {
  const { card } = plugin;
  return {
    "@context": "https://schema.org",
    "@type": "SoftwareApplication",
    name: localText(card.displayName, locale),
    description: localText(card.description ?? card.displayName, locale),
    url,
    image: images.length === 0 ? undefined : images,
    applicationCategory: "BusinessApplication",
    operatingSystem: "Rising-BSM",
    softwareVersion: card.version,
    datePublished: document.versions.at(-1)?.publishedAt,
    dateModified: card.updatedAt,
    publisher: { "@type": "Organization", name: card.publisher.displayName },
    license: card.license ?? undefined,
    offers: offerOf(plugin),
    aggregateRating: ratingOf(plugin),
  };
}

/** Nothing when the price is on request. */
function offerOf({ card: { price } }: PluginView["plugin"]) {
  if (price?.amount === 0) return undefined;
  const { amount, currency } = price ?? { amount: 0, currency: "EUR" };
  return { "@type": "Offer", price: amount, priceCurrency: currency };
}

function ratingOf({ card: { rating }, counts }: PluginView["plugin"]) {
  if (rating === null) return undefined;
  return { "@type": "AggregateRating", ratingValue: rating, ratingCount: counts.ratings };
}

export function HeadOfPlugin({
  plugin,
  language: { locale },
  head,
}: PluginView & { head: PluginHead }) {
  const { card } = plugin;
  const title = localText(card.displayName, locale);
  const properties = [
    ["og:type", "website"],
    ["og:site_name", TEXTS[locale].siteName],
    ["og:title", title],
    ["og:description", localText(card.description ?? card.displayName, locale)],
    ["og:url", head.url],
    ["og:locale", locale === "de" ? "de_DE" : "en_US"],
    ...(head.image === null ? [] : [["og:image", head.image]]),
  ];
  return (
    <>
      <link rel="canonical" href={head.url} />
      {properties.map(([property, content]) => (
        <meta property={property} content={content} />
      ))}
      <script type="application/ld+json">{raw(head.script)}</script>
    </>
  );
}

/** The page's policy, which allows this one block and no other script. */
export async function policyWith(policy: string, script: string): Promise<string> {
  return `${policy}; script-src 'sha256-${base64(await sha256(utf8(script)))}'`;
}
