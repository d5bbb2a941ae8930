import { describePermission, localText, networkPermission } from "@rising-bsm/protocol";
import type { Locale, PluginDocument, Text } from "@rising-bsm/protocol";
import type { ListedCard } from "../search/card.ts";
import { formatBytes, formatDate, formatNumber, formatPrice } from "./format.ts";
import type { Language } from "./language.ts";
import { pluginLink, siteLink } from "./links.ts";
import { categoryName, TEXTS } from "./texts.ts";
import { Plans } from "./plans.tsx";
import type { Texts } from "./texts.ts";

export interface PluginView {
  readonly language: Language;
  readonly card: ListedCard;
  readonly document: PluginDocument;
  /** Found by nobody who does not know its name. */
  readonly isUnlisted: boolean;
  /** Whether plans can be bought here. */
  readonly canBuy: boolean;
}

export function PluginPage(view: PluginView) {
  const { card, language } = view;
  const texts = TEXTS[language.locale];
  return (
    <>
      <p>
        <a href={siteLink("/", { language })}>← {texts.backToList}</a>
      </p>
      <Heading {...view} />
      <div class="columns">
        <div>
          <Permissions {...view} />
          <Install {...view} />
          <Versions {...view} />
        </div>
        <div>
          {card.plans.length > 0 && <Plans {...view} />}
          <About {...view} />
          <Publisher {...view} />
        </div>
      </div>
    </>
  );
}

function Heading({ card, isUnlisted, language: { locale } }: PluginView) {
  const texts = TEXTS[locale];
  return (
    <>
      <h1>{localText(card.displayName, locale)}</h1>
      <p class="facts">
        <code>{card.name}</code>
        <span>
          {texts.version} {card.version}
        </span>
        <span>
          {texts.by} {card.publisher.displayName}
        </span>
        {card.verified && <span class="badge good">✓ {texts.verified}</span>}
        {isUnlisted && <span class="badge">{texts.unlisted}</span>}
        <span>{formatPrice(card.price, locale)}</span>
        <span>
          {formatNumber(card.downloads, locale)} {texts.downloads}
        </span>
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

function Permissions({ card, language: { locale } }: PluginView) {
  const texts = TEXTS[locale];
  const network = card.network.map((host) => ({ code: networkPermission(host), reason: null }));
  return (
    <section class="panel" aria-labelledby="permissions">
      <h2 id="permissions">{texts.permissionsTitle}</h2>
      {card.permissions.length === 0 && <p>{texts.noPermissions}</p>}
      <ul class="plain">
        {[...card.permissions, ...network].map((permission) => (
          <Permission {...permission} locale={locale} />
        ))}
      </ul>
      {network.length === 0 && <p class="muted">{texts.noNetwork}</p>}
    </section>
  );
}

function Permission({
  code,
  reason,
  locale,
}: {
  code: string;
  reason: Text | null;
  locale: Locale;
}) {
  const texts = TEXTS[locale];
  const sentence = describePermission(code);
  const risks = {
    low: ["badge", texts.riskLow],
    medium: ["badge warn", texts.riskMedium],
    high: ["badge bad", texts.riskHigh],
  } as const;
  const [style, risk] = risks[sentence.risk];
  return (
    <li>
      {sentence[locale]} <span class={style}>{risk}</span>
      {reason !== null && <q class="muted block">{localText(reason, locale)}</q>}
    </li>
  );
}

function Install({ card, document, language }: PluginView) {
  const texts = TEXTS[language.locale];
  const version = document.versions.find((candidate) => candidate.version === card.version);
  const isOpen = version !== undefined && !version.paid;
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
      {isOpen && <p>{texts.verifyHint}</p>}
      {isOpen && (
        <pre>
          <code>rising-bsm verify {version.sha256}.rbsm</code>
        </pre>
      )}
    </section>
  );
}

function Versions({ document, language }: PluginView) {
  const texts = TEXTS[language.locale];
  return (
    <section class="panel" aria-labelledby="versions">
      <h2 id="versions">{texts.versionsTitle}</h2>
      <ul class="plain">
        {document.versions.map((version) => (
          <li>
            <Version version={version} document={document} language={language} />
          </li>
        ))}
      </ul>
    </section>
  );
}

interface VersionProps {
  readonly version: PluginDocument["versions"][number];
  readonly document: PluginDocument;
  readonly language: Language;
}

function Version({ version, document, language: { locale } }: VersionProps) {
  const texts = TEXTS[locale];
  const channels = Object.entries(document.channels).filter(
    ([, tagged]) => tagged === version.version,
  );
  return (
    <>
      <h3>
        {version.version}{" "}
        {channels.map(([channel]) => (
          <span class="badge">{channel}</span>
        ))}
      </h3>
      <p class="facts">
        <span>
          {texts.published}{" "}
          <time datetime={version.publishedAt}>{formatDate(version.publishedAt, locale)}</time>
        </span>
        <span>{formatBytes(version.size, locale)}</span>
        {!version.paid && (
          <a href={version.bundle} aria-label={`${texts.download} ${version.version}`}>
            {texts.download}
          </a>
        )}
      </p>
      <VersionState version={version} texts={texts} />
      <details>
        <summary>{texts.digests}</summary>
        <dl class="digests">
          <dt>SHA-256</dt>
          <dd>
            <code>{version.sha256}</code>
          </dd>
          <dt>Tree</dt>
          <dd>
            <code>{version.treeDigest}</code>
          </dd>
        </dl>
      </details>
    </>
  );
}

function VersionState({ version, texts }: Pick<VersionProps, "version"> & { texts: Texts }) {
  return (
    <>
      {version.yanked !== false && (
        <p class="notice">
          <strong>{texts.yanked}:</strong> {version.yanked.reason}
        </p>
      )}
      {version.deprecated !== false && (
        <p class="notice">
          <strong>{texts.deprecated}:</strong> {version.deprecated.reason}
        </p>
      )}
    </>
  );
}

function About({ card, document, language }: PluginView) {
  const texts = TEXTS[language.locale];
  const version = document.versions.find((candidate) => candidate.version === card.version);
  const dependencies = Object.entries(version?.dependencies ?? {});
  return (
    <section class="panel" aria-labelledby="about">
      <h2 id="about">{texts.aboutTitle}</h2>
      <dl>
        <dt>{texts.runsOn}</dt>
        <dd>{card.hostRange ?? texts.anyVersion}</dd>
        {card.categories.length > 0 && <dt>{texts.categories}</dt>}
        {card.categories.length > 0 && <Categories card={card} language={language} />}
        {dependencies.length > 0 && <dt>{texts.needs}</dt>}
        {dependencies.map(([name, range]) => (
          <dd>
            <a href={pluginLink(name, language)}>{name}</a> {range}
          </dd>
        ))}
        {card.license !== null && <dt>{texts.license}</dt>}
        {card.license !== null && <dd>{card.license}</dd>}
        <OutsideLink label={texts.homepage} url={card.homepage} />
        <OutsideLink label={texts.repository} url={card.repository} />
      </dl>
    </section>
  );
}

function Categories({ card, language }: Pick<PluginView, "card" | "language">) {
  const texts = TEXTS[language.locale];
  return (
    <dd>
      {card.categories.map((category) => (
        <div>
          <a href={siteLink("/", { language, params: [["category", category]] })}>
            {categoryName(texts, category)}
          </a>
        </div>
      ))}
    </dd>
  );
}

/** The manifest's schema lets only http and https through; that is checked here again, as it becomes a link. */
function OutsideLink({ label, url }: { label: string; url: string | null }) {
  if (url === null || !/^https?:\/\//.test(url)) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <a href={url} rel="nofollow ugc noopener noreferrer">
          {url}
        </a>
      </dd>
    </>
  );
}

function Publisher({ card, document, language: { locale } }: PluginView) {
  const texts = TEXTS[locale];
  return (
    <section class="panel" aria-labelledby="publisher">
      <h2 id="publisher">{texts.publisherTitle}</h2>
      <p>
        {card.publisher.displayName} <code>{card.publisher.name}</code>{" "}
        {card.verified && <span class="badge good">✓ {texts.verified}</span>}
      </p>
      <h3>{texts.publisherKeys}</h3>
      <ul class="plain">
        {document.publisher.keys.map(({ keyId }) => (
          <li>
            <code>{keyId}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}
