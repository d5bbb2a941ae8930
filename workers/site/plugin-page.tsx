import { localText, networkPermission } from "@rising-bsm/protocol";
import type { ReviewPage } from "@rising-bsm/protocol";
import { formatCount, formatPrice } from "./format.ts";
import { siteLink } from "./links.ts";
import { Permission } from "./permission.tsx";
import { Plans } from "./plans.tsx";
import { About, Compatibility, Dependents, Publisher, Sizes } from "./plugin-facts.tsx";
import { Fragment, Icon, Screenshots } from "./plugin-media.tsx";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import { VersionList } from "./plugin-versions.tsx";
import { pluginPageLink } from "./plugin-view.ts";
import type { PluginView } from "./plugin-view.ts";
import { ReviewsPart } from "./reviews-part.tsx";
import { TEXTS } from "./texts.ts";

export interface PluginPageView extends PluginView {
  /** HTML made of the release's README; null when it has none. */
  readonly readme: string | null;
  /** The newest reviews. */
  readonly reviews: ReviewPage | null;
  /** Whether plans can be bought here. */
  readonly canBuy: boolean;
}

/** The rest of the versions has a page of its own. */
const VERSIONS_SHOWN = 5;

export function PluginPage(view: PluginPageView) {
  const { plugin, language, canBuy, reviews } = view;
  const { card } = plugin;
  return (
    <>
      <p>
        <a href={siteLink("/", { language })}>← {TEXTS[language.locale].backToList}</a>
      </p>
      <Heading {...view} />
      <JumpLinks {...view} />
      <div class="columns">
        <div>
          <Permissions {...view} />
          <Install {...view} />
          <Screenshots {...view} />
          <Readme {...view} />
          {reviews !== null && <ReviewsPart name={card.name} page={reviews} language={language} />}
        </div>
        <div>
          {card.plans.length > 0 && <Plans card={card} language={language} canBuy={canBuy} />}
          <About {...view} />
          <Versions {...view} />
          <Compatibility {...view} />
          <Sizes {...view} />
          <Dependents {...view} />
          <Publisher {...view} />
        </div>
      </div>
    </>
  );
}

function Heading({ plugin, language: { locale } }: PluginPageView) {
  const texts = TEXTS[locale];
  const { card, counts, visibility } = plugin;
  return (
    <>
      <div class="title">
        <Icon plugin={plugin} />
        <h1>{localText(card.displayName, locale)}</h1>
      </div>
      <p class="facts">
        <code>{card.name}</code>
        <span>
          {texts.version} {card.version}
        </span>
        <span>
          {texts.by} {card.publisher.displayName}
        </span>
        {card.verified && <span class="badge good">✓ {texts.verified}</span>}
        {visibility !== "public" && <span class="badge">{texts.unlisted}</span>}
        <span>{formatPrice(card.price, locale)}</span>
        <span>{formatCount(card.downloads, texts.downloadCount, locale)}</span>
        <span>{formatCount(counts.installs, PLUGIN_TEXTS[locale].installs, locale)}</span>
      </p>
      {card.yanked !== null && (
        <p class="notice">
          <strong>{texts.yanked}:</strong> {card.yanked}
        </p>
      )}
      {card.deprecated !== null && (
        <p class="notice">
          <strong>{texts.deprecated}:</strong> {card.deprecated}
        </p>
      )}
      {card.description !== null && <p>{localText(card.description, locale)}</p>}
    </>
  );
}

/** On a phone the columns stand below each other, and a README can be long. */
function JumpLinks({ plugin, readme, reviews, language }: PluginPageView) {
  const texts = TEXTS[language.locale];
  const own = PLUGIN_TEXTS[language.locale];
  const links = [
    ["permissions", own.permissions],
    ["install", texts.installTitle],
    ...(plugin.details.screenshots.length > 0 ? [["screenshots", own.screenshotsTitle]] : []),
    ...(readme === null ? [] : [["readme", own.readmeTitle]]),
    ...(reviews === null ? [] : [["reviews", own.reviews]]),
    ["versions", texts.versionsTitle],
    ["publisher", texts.publisherTitle],
  ];
  return (
    <nav class="jump" aria-label={own.onThisPage}>
      <ul>
        {links.map(([id, label]) => (
          <li>
            <a href={`#${id}`}>{label}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Permissions({ plugin: { manifest }, language: { locale } }: PluginPageView) {
  const texts = TEXTS[locale];
  const { permissions, network } = manifest;
  const hosts = network.map((host) => ({ code: networkPermission(host) }));
  return (
    <section class="panel" aria-labelledby="permissions">
      <h2 id="permissions">{texts.permissionsTitle}</h2>
      {permissions.length === 0 && <p>{texts.noPermissions}</p>}
      <ul class="plain">
        {[...permissions, ...hosts].map((permission) => (
          <li>
            <Permission {...permission} locale={locale} />
          </li>
        ))}
      </ul>
      {network.length === 0 && <p class="muted">{texts.noNetwork}</p>}
    </section>
  );
}

function Install({ plugin: { card, found }, language }: PluginPageView) {
  const texts = TEXTS[language.locale];
  const { sha256, paid } = found.shown;
  return (
    <section class="panel" aria-labelledby="install">
      <h2 id="install">{texts.installTitle}</h2>
      {card.price !== null && (
        <p>
          {texts.installPaid} {texts.installOffline}{" "}
          <a href={siteLink("/offline", { language })}>{texts.offlineTitle}</a>
        </p>
      )}
      <p>{texts.installHint}</p>
      <pre>
        <code>
          {card.price === null
            ? `await host.install("${card.name}", { grant: "requested" })`
            : `await host.install("${card.name}", { grant: "requested", licenseKey })`}
        </code>
      </pre>
      {!paid && <p>{texts.verifyHint}</p>}
      {!paid && (
        <pre>
          <code>rising-bsm verify {sha256}.rbsm</code>
        </pre>
      )}
    </section>
  );
}

function Readme({ readme, language }: PluginPageView) {
  if (readme === null) return null;
  return (
    <section class="panel" aria-labelledby="readme">
      <h2 id="readme">{PLUGIN_TEXTS[language.locale].readmeTitle}</h2>
      <Fragment html={readme} title={PLUGIN_TEXTS[language.locale].readmeTitle} />
    </section>
  );
}

function Versions(view: PluginPageView) {
  const { plugin, document, language } = view;
  const texts = PLUGIN_TEXTS[language.locale];
  const { versions } = document;
  return (
    <section class="panel" aria-labelledby="versions">
      <h2 id="versions">{TEXTS[language.locale].versionsTitle}</h2>
      <VersionList {...view} versions={versions.slice(0, VERSIONS_SHOWN)} />
      <ul class="links">
        {versions.length > VERSIONS_SHOWN && (
          <li>
            <a href={pluginPageLink(view, "versions")}>{texts.allVersions(versions.length)}</a>
          </li>
        )}
        {versions.length > 1 && (
          <li>
            <a href={pluginPageLink(view, "compare")}>{texts.compareTitle}</a>
          </li>
        )}
        {plugin.details.changelog !== null && (
          <li>
            <a href={pluginPageLink(view, "changelog")}>{texts.changelogTitle}</a>
          </li>
        )}
      </ul>
    </section>
  );
}
