import type { PluginDocument } from "@rising-bsm/protocol";
import type { Child } from "hono/jsx";
import { pluginLink } from "./links.ts";
import { Fragment } from "./plugin-media.tsx";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import type { PluginTexts } from "./plugin-texts.ts";
import { VersionList } from "./plugin-versions.tsx";
import { pluginPageLink } from "./plugin-view.ts";
import type { PluginView } from "./plugin-view.ts";
import { TEXTS } from "./texts.ts";

/** A page beside the plugin's own: its way back, its title, the plugin's name. */
function SubPage({
  plugin,
  language,
  title,
  children,
}: Pick<PluginView, "plugin" | "language"> & { title: string; children?: Child }) {
  return (
    <>
      <p>
        <a href={pluginLink(plugin.name, language)}>← {PLUGIN_TEXTS[language.locale].back}</a>
      </p>
      <h1>{title}</h1>
      <h2 class="facts">
        <code>{plugin.name}</code>
      </h2>
      {children}
    </>
  );
}

/** The last version of this page; null on the last page. */
export interface VersionsView extends PluginView {
  readonly versions: PluginDocument["versions"];
  readonly after: string | null;
}

export function VersionsPage({ versions, after, ...view }: VersionsView) {
  const texts = PLUGIN_TEXTS[view.language.locale];
  return (
    <SubPage {...view} title={TEXTS[view.language.locale].versionsTitle}>
      <p>
        <a href={pluginPageLink(view, "compare")}>{texts.compareTitle}</a>
      </p>
      <div class="panel">
        <VersionList {...view} versions={versions} />
      </div>
      {after !== null && (
        <nav class="pages">
          <a class="button" href={pluginPageLink(view, "versions", [["after", after]])}>
            {texts.olderVersions}
          </a>
        </nav>
      )}
    </SubPage>
  );
}

export function ChangelogPage({ html, ...view }: PluginView & { readonly html: string | null }) {
  const texts = PLUGIN_TEXTS[view.language.locale];
  return (
    <SubPage {...view} title={texts.changelogTitle}>
      {html === null ? (
        <p>{texts.noChangelog}</p>
      ) : (
        <div class="panel">
          <Fragment html={html} title={texts.changelogTitle} />
        </div>
      )}
    </SubPage>
  );
}

export interface DependentsView extends PluginView {
  readonly dependents: readonly { readonly name: string; readonly range: string }[];
  readonly nextCursor: string | null;
}

export function DependentsPage({ dependents, nextCursor, ...view }: DependentsView) {
  const texts: PluginTexts = PLUGIN_TEXTS[view.language.locale];
  return (
    <SubPage {...view} title={texts.dependentsTitle}>
      {dependents.length === 0 ? (
        <p>{texts.noDependents}</p>
      ) : (
        <ul class="plain panel">
          {dependents.map(({ name, range }) => (
            <li>
              <a href={pluginLink(name, view.language)}>{name}</a> {range}
            </li>
          ))}
        </ul>
      )}
      {nextCursor !== null && (
        <nav class="pages">
          <a class="button" href={pluginPageLink(view, "dependents", [["cursor", nextCursor]])}>
            {texts.morePlugins}
          </a>
        </nav>
      )}
    </SubPage>
  );
}
