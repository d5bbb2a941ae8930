import type { Locale } from "@rising-bsm/protocol";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

export interface PageFrame {
  readonly language: Language;
  readonly title: string;
  readonly description: string;
  /** Path and parameters of this page without the language, for the other language and robots. */
  readonly address: {
    readonly path: string;
    readonly params: readonly (readonly [string, string])[];
  };
  readonly styleSheet: string;
  /** Error pages are not for search engines. */
  readonly isIndexed: boolean;
  /** Opens the URL, or this page again, by itself; works without a script. */
  readonly refresh?: { readonly seconds: number; readonly url?: string } | undefined;
  /** What a page says of itself to programs. */
  readonly head?: Child;
}

/** The frame of every page. JSX escapes every text and attribute in it. */
export function renderPage(frame: PageFrame, content: Child) {
  return html`<!doctype html>${<Page frame={frame}>{content}</Page>}`;
}

function Page({ frame, children }: { frame: PageFrame; children?: Child }) {
  const { language, title, description, isIndexed, styleSheet } = frame;
  const texts = TEXTS[language.locale];
  return (
    <html lang={language.locale}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title === texts.siteName ? title : `${title} · ${texts.siteName}`}</title>
        <meta name="description" content={description} />
        {isIndexed ? <Alternates frame={frame} /> : <meta name="robots" content="noindex" />}
        {frame.refresh !== undefined && <Refresh {...frame.refresh} />}
        {frame.head}
        <link
          rel="alternate"
          type="application/atom+xml"
          title={texts.feedTitle}
          href={`/feed.atom?lang=${language.locale}`}
        />
        <link rel="icon" href="/site/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href={styleSheet} />
      </head>
      <body>
        <a class="skip" href="#content">
          {texts.skip}
        </a>
        <header class="site">
          <div class="wrap">
            <a class="brand" href={siteLink("/", { language })}>
              {texts.siteName}
            </a>
            <LanguageSwitch frame={frame} />
          </div>
        </header>
        <main id="content" class="wrap">
          {children}
        </main>
        <footer>
          <div class="wrap">{texts.footer}</div>
        </footer>
      </body>
    </html>
  );
}

function Refresh({ seconds, url }: NonNullable<PageFrame["refresh"]>) {
  return (
    <meta
      http-equiv="refresh"
      content={url === undefined ? `${seconds}` : `${seconds};url=${url}`}
    />
  );
}

function Alternates({ frame }: { frame: PageFrame }) {
  return (
    <>
      <link rel="alternate" hreflang="en" href={inLanguage(frame, "en")} />
      <link rel="alternate" hreflang="de" href={inLanguage(frame, "de")} />
    </>
  );
}

function LanguageSwitch({ frame }: { frame: PageFrame }) {
  const other = frame.language.locale === "de" ? "en" : "de";
  return (
    <a href={inLanguage(frame, other)} hreflang={other} lang={other}>
      {TEXTS[frame.language.locale].switchLanguage}
    </a>
  );
}

function inLanguage({ address }: PageFrame, locale: Locale): string {
  return siteLink(address.path, { language: { locale, chosen: true }, params: address.params });
}
