import type { PluginDocument } from "@rising-bsm/protocol";
import { formatBytes, formatDate } from "./format.ts";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import { pluginPageLink } from "./plugin-view.ts";
import type { PluginView } from "./plugin-view.ts";
import { TEXTS } from "./texts.ts";

type DocumentVersion = PluginDocument["versions"][number];
type VersionProps = PluginView & { readonly version: DocumentVersion };

/** Versions with what they are on, their state and their digests. */
export function VersionList({
  versions,
  ...view
}: PluginView & { readonly versions: readonly DocumentVersion[] }) {
  return (
    <ul class="plain">
      {versions.map((version) => (
        <li>
          <Version {...view} version={version} />
        </li>
      ))}
    </ul>
  );
}

function Version(props: VersionProps) {
  const { version, document, language } = props;
  const { locale } = language;
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
        <CompareLink {...props} />
      </p>
      <VersionState {...props} />
      <Digests {...props} />
    </>
  );
}

/** To the version below it. */
function CompareLink(props: VersionProps) {
  const { version, document, language } = props;
  const below = document.versions[document.versions.indexOf(version) + 1];
  if (below === undefined) return null;
  const params = [
    ["from", below.version],
    ["to", version.version],
  ] as const;
  return (
    <a href={pluginPageLink(props, "compare", params)}>
      {PLUGIN_TEXTS[language.locale].compareWith(below.version)}
    </a>
  );
}

function VersionState({ version, language }: VersionProps) {
  const texts = TEXTS[language.locale];
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

function Digests({ version, language }: VersionProps) {
  return (
    <details>
      <summary>{TEXTS[language.locale].digests}</summary>
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
  );
}
