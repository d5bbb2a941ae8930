import { networkPermission } from "@rising-bsm/protocol";
import type { VersionComparison } from "@rising-bsm/protocol";
import { formatBytes } from "./format.ts";
import { pluginLink } from "./links.ts";
import { Permission } from "./permission.tsx";
import { Fragment } from "./plugin-media.tsx";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import type { PluginTexts } from "./plugin-texts.ts";
import { pluginPageLink } from "./plugin-view.ts";
import type { PluginView } from "./plugin-view.ts";

export interface CompareView extends PluginView {
  /** Null until two versions are chosen. */
  readonly comparison: VersionComparison | null;
  /** The two of the form. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export function ComparePage(view: CompareView) {
  const { plugin, language, comparison } = view;
  const texts = PLUGIN_TEXTS[language.locale];
  return (
    <>
      <p>
        <a href={pluginLink(plugin.name, language)}>← {texts.back}</a>
      </p>
      <h1>{texts.compareTitle}</h1>
      <p class="facts">
        <code>{plugin.name}</code>
      </p>
      <Choice {...view} />
      {comparison === null ? (
        <p>{texts.chooseVersions}</p>
      ) : (
        <Result {...view} comparison={comparison} />
      )}
    </>
  );
}

function Choice(view: CompareView) {
  const { language, from, to } = view;
  const texts = PLUGIN_TEXTS[language.locale];
  return (
    <form class="search" method="get" action={pluginPageLink(view, "compare")}>
      {language.chosen && <input type="hidden" name="lang" value={language.locale} />}
      <div class="row">
        <VersionSelect {...view} name="from" label={texts.compareFrom} chosen={from} />
        <VersionSelect {...view} name="to" label={texts.compareTo} chosen={to} />
        <div>
          <button>{texts.compare}</button>
        </div>
      </div>
    </form>
  );
}

function VersionSelect({
  document,
  name,
  label,
  chosen,
}: CompareView & { name: string; label: string; chosen: string | undefined }) {
  return (
    <label class="field">
      {label}
      <select name={name}>
        {document.versions.map(({ version }) => (
          <option value={version} selected={version === chosen}>
            {version}
          </option>
        ))}
      </select>
    </label>
  );
}

type ResultView = CompareView & { readonly comparison: VersionComparison };

function Result(view: ResultView) {
  const { comparison, language } = view;
  const texts = PLUGIN_TEXTS[language.locale];
  const changed = changedParts(comparison, texts);
  const isSame = changed.length === 0 && !comparison.publisherKeyChanged && !asksOtherwise(view);
  return (
    <>
      <h2>
        {comparison.from.version} → {comparison.to.version}
      </h2>
      {comparison.from.publisher !== comparison.to.publisher && (
        <p class="notice">
          {texts.publisherChanged(comparison.from.publisher, comparison.to.publisher)}
        </p>
      )}
      {isSame && <p>{texts.nothingChanges}</p>}
      <Permissions {...view} />
      {changed.map(({ title, lines }) => (
        <section class="panel">
          <h3>{title}</h3>
          <ul class="plain">
            {lines.map(({ style, state, text }) => (
              <li>
                <span class={style}>{state}</span> {text}
              </li>
            ))}
          </ul>
        </section>
      ))}
      <SizeAndKey {...view} />
      <Changelog {...view} />
    </>
  );
}

function asksOtherwise({ comparison: { permissions, network } }: ResultView): boolean {
  return [...Object.values(permissions), ...Object.values(network)].some((list) => list.length > 0);
}

/** What the administrator has to decide about, in the sentences that they know. */
function Permissions(view: ResultView) {
  const { comparison, language } = view;
  const texts = PLUGIN_TEXTS[language.locale];
  const { permissions, network } = comparison;
  const groups = [
    [texts.asksFor, [...permissions.added, ...network.added.map(hostPermission)]],
    [texts.madeRequired, permissions.madeRequired.map(withoutReason)],
    [
      texts.asksNoMore,
      [...permissions.removed.map(withoutReason), ...network.removed.map(hostPermission)],
    ],
    [texts.madeOptional, permissions.madeOptional.map(withoutReason)],
  ] as const;
  return (
    <>
      {groups.map(
        ([title, asked]) =>
          asked.length > 0 && (
            <section class="panel">
              <h3>{title}</h3>
              <ul class="plain">
                {asked.map(({ code, reason, optional }) => (
                  <li>
                    <Permission
                      code={code}
                      reason={reason}
                      optional={optional}
                      locale={language.locale}
                    />
                  </li>
                ))}
              </ul>
            </section>
          ),
      )}
    </>
  );
}

function withoutReason(code: string) {
  return { code, reason: null, optional: false };
}

function hostPermission(host: string) {
  return withoutReason(networkPermission(host));
}

interface ChangedPart {
  readonly title: string;
  readonly lines: readonly Line[];
}

interface Line {
  readonly style: string;
  readonly state: string;
  readonly text: string;
}

function changedParts(comparison: VersionComparison, texts: PluginTexts): ChangedPart[] {
  const lists = [
    [texts.publicRoutesTitle, comparison.publicRoutes],
    [texts.hooksTitle, comparison.hooks],
    [texts.secretsTitle, comparison.secrets],
  ] as const;
  const records = [
    [texts.schedulesTitle, comparison.schedules],
    [texts.dependenciesTitle, comparison.dependencies],
    [texts.enginesTitle, comparison.engines],
    [texts.limitsTitle, comparison.limits],
  ] as const;
  const parts = [
    ...lists.map(([title, list]) => ({ title, lines: listLines(list, texts) })),
    ...records.map(([title, record]) => ({ title, lines: recordLines(record, texts) })),
  ];
  return parts.filter(({ lines }) => lines.length > 0);
}

function listLines({ added, removed }: VersionComparison["hooks"], texts: PluginTexts): Line[] {
  return [
    ...added.map((text) => ({ style: "badge warn", state: texts.added, text })),
    ...removed.map((text) => ({ style: "badge", state: texts.removed, text })),
  ];
}

function recordLines(record: VersionComparison["schedules"], texts: PluginTexts): Line[] {
  const named = (values: Record<string, string>) =>
    Object.entries(values).map(([name, value]) => `${name}: ${value}`);
  const lists = { added: named(record.added), removed: named(record.removed) };
  const changed = Object.entries(record.changed).map(([name, { from, to }]) => ({
    style: "badge warn",
    state: name,
    text: texts.changedFrom(from, to),
  }));
  return [...listLines(lists, texts), ...changed];
}

function SizeAndKey({ comparison, language: { locale } }: ResultView) {
  const texts = PLUGIN_TEXTS[locale];
  const { sizeChange, to, publisherKeyChanged } = comparison;
  const difference = formatBytes(Math.abs(sizeChange), locale);
  return (
    <section class="panel">
      <dl>
        <dt>{texts.sizeTitle}</dt>
        <dd>
          {formatBytes(to.size, locale)}, {sizeChange === 0 && texts.sameSize}
          {sizeChange > 0 && texts.bigger(difference)}
          {sizeChange < 0 && texts.smaller(difference)}
        </dd>
        <dt>{texts.keyTitle}</dt>
        <dd>{publisherKeyChanged ? texts.keyChanged : texts.keySame}</dd>
      </dl>
    </section>
  );
}

function Changelog({ comparison, language }: ResultView) {
  if (comparison.changelog.length === 0) return null;
  const title = PLUGIN_TEXTS[language.locale].changelogTitle;
  return (
    <section class="panel" aria-labelledby="changelog">
      <h3 id="changelog">{title}</h3>
      {comparison.changelog.map(({ html, version }) => (
        <Fragment html={html} title={`${title}: ${version}`} />
      ))}
    </section>
  );
}
