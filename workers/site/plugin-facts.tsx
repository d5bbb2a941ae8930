import { signatureOf } from "../catalog/describe-plugin.ts";
import { compatibilityOf, sizesOf } from "../catalog/summarise-versions.ts";
import { formatBytes, formatDate, formatNumber } from "./format.ts";
import { pluginLink, siteLink } from "./links.ts";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import { pluginPageLink } from "./plugin-view.ts";
import type { PluginView } from "./plugin-view.ts";
import { categoryName, TEXTS } from "./texts.ts";

export function About({ plugin, language }: PluginView) {
  const texts = TEXTS[language.locale];
  const { card, manifest } = plugin;
  const dependencies = Object.entries(manifest.dependencies);
  return (
    <section class="panel" aria-labelledby="about">
      <h2 id="about">{texts.aboutTitle}</h2>
      <dl>
        <dt>{texts.runsOn}</dt>
        <dd>{card.hostRange ?? texts.anyVersion}</dd>
        {card.categories.length > 0 && <dt>{texts.categories}</dt>}
        {card.categories.length > 0 && <Categories plugin={plugin} language={language} />}
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

function Categories({ plugin, language }: Pick<PluginView, "plugin" | "language">) {
  const texts = TEXTS[language.locale];
  return (
    <dd>
      {plugin.card.categories.map((category) => (
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

/** For which hosts which versions are: of one row the page says it in "About" already. */
export function Compatibility({ document, language }: PluginView) {
  const rows = compatibilityOf(document.versions);
  if (rows.length < 2) return null;
  const texts = PLUGIN_TEXTS[language.locale];
  return (
    <section class="panel" aria-labelledby="compatibility">
      <h2 id="compatibility">{texts.compatibilityTitle}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{texts.versionsColumn}</th>
            <th scope="col">{texts.hostColumn}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ range, from, to }) => (
            <tr>
              <th scope="row">{from === to ? from : `${from} – ${to}`}</th>
              <td>{range ?? TEXTS[language.locale].anyVersion}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A bar a version. They are meters, which need neither an image nor a style of their own. */
export function Sizes({ document, language }: PluginView) {
  const rows = sizesOf(document.versions);
  if (rows.length < 2) return null;
  const texts = PLUGIN_TEXTS[language.locale];
  const largest = Math.max(...rows.map(({ size }) => size));
  return (
    <section class="panel" aria-labelledby="sizes">
      <h2 id="sizes">{texts.sizesTitle}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{texts.versionColumn}</th>
            <th scope="col" colspan={2}>
              {texts.sizeColumn}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ version, size }) => (
            <tr>
              <th scope="row">{version}</th>
              <td>{formatBytes(size, language.locale)}</td>
              <td class="bar">
                <meter aria-hidden="true" min={0} max={largest} value={size} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

export function Dependents(view: PluginView) {
  const { plugin, language } = view;
  const { dependents } = plugin.found;
  if (dependents === null || dependents.total === 0) return null;
  const texts = PLUGIN_TEXTS[language.locale];
  const total = formatNumber(dependents.total, language.locale);
  return (
    <section class="panel" aria-labelledby="dependents">
      <h2 id="dependents">{texts.dependentsTitle}</h2>
      <ul class="plain">
        {dependents.top.map(({ name, range }) => (
          <li>
            <a href={pluginLink(name, language)}>{name}</a> {range}
          </li>
        ))}
      </ul>
      {dependents.total > dependents.top.length && (
        <p>
          <a href={pluginPageLink(view, "dependents")}>{texts.allDependents(total)}</a>
        </p>
      )}
    </section>
  );
}

/** Who publishes it, with the keys that count, and who signed the version that is shown. */
export function Publisher(view: PluginView) {
  const { plugin, document, language } = view;
  const texts = TEXTS[language.locale];
  const { card } = plugin;
  return (
    <section class="panel" aria-labelledby="publisher">
      <h2 id="publisher">{texts.publisherTitle}</h2>
      <p>
        {card.publisher.displayName} <code>{card.publisher.name}</code>{" "}
        {card.verified && <span class="badge good">✓ {texts.verified}</span>}
      </p>
      <Signature {...view} />
      <details>
        <summary>{texts.publisherKeys}</summary>
        <ul class="plain">
          {document.publisher.keys.map(({ keyId }) => (
            <li>
              <code>{keyId}</code>
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

function Signature({ plugin, language: { locale } }: PluginView) {
  const signature = signatureOf(plugin);
  if (signature === null) return null;
  const texts = PLUGIN_TEXTS[locale];
  return (
    <>
      <h3>{texts.signatureTitle}</h3>
      <dl class="digests">
        <dt>{texts.signedWith}</dt>
        <dd>
          <code>{signature.keyId}</code>
        </dd>
        <dt>{texts.keySince}</dt>
        <dd>
          <time datetime={signature.keyEnrolledAt}>
            {formatDate(signature.keyEnrolledAt, locale)}
          </time>
        </dd>
        <dt>{texts.inLog}</dt>
        <dd>
          {formatNumber(signature.logIndex, locale)} · <a href={signature.proof}>{texts.proof}</a> ·{" "}
          <a href={signature.statement}>{texts.statement}</a>
        </dd>
      </dl>
    </>
  );
}
