import type { Locale } from "@rising-bsm/protocol";
import { html } from "hono/html";
import type { LicenseDescription } from "../license/describe-license.ts";
import type { PluginInfo } from "../lifecycle/describe.ts";

const TEXTS = {
  en: {
    license: "License",
    none: "none",
    active: "active",
    grace: "active, to be renewed",
    restricted: "off",
    for: "for",
    until: "until",
    restrictedNow:
      "What the license allowed is off. The plugin's data is untouched and can be read. It is on again with the next renewal, or with another license key.",
    refused: "The marketplace takes this license back. It ends, without a time of grace, at",
    clone:
      "Another installation renews the same lease: this host may have been copied, or restored from a backup. Enter the license key again on the installation that is to keep it.",
    renewal:
      "This license could not be renewed for days. Everything works; check that this machine reaches the marketplace, or import a license file. Without a renewal the state changes at",
    overage: "More installations hold this license than it has seats.",
    problem: "The last renewal failed",
    key: "License key",
    activate: "Activate",
    renew: "Renew now",
  },
  de: {
    license: "Lizenz",
    none: "keine",
    active: "aktiv",
    grace: "aktiv, zu verlängern",
    restricted: "aus",
    for: "für",
    until: "bis",
    restrictedNow:
      "Was die Lizenz erlaubt hat, ist aus. Die Daten des Plugins sind unberührt und lesbar. Mit der nächsten Verlängerung oder einem anderen Lizenzschlüssel ist alles wieder an.",
    refused: "Der Marktplatz nimmt diese Lizenz zurück. Sie endet ohne Nachfrist am",
    clone:
      "Eine andere Installation verlängert dieselbe Lizenz: dieser Host wurde vielleicht kopiert oder aus einer Sicherung zurückgeholt. Geben Sie den Lizenzschlüssel auf der Installation neu ein, die sie behalten soll.",
    renewal:
      "Diese Lizenz konnte seit Tagen nicht verlängert werden. Alles funktioniert; prüfen Sie, ob diese Maschine den Marktplatz erreicht, oder lesen Sie eine Lizenzdatei ein. Ohne Verlängerung ändert sich der Zustand am",
    overage: "Mehr Installationen nutzen diese Lizenz, als sie Plätze hat.",
    problem: "Die letzte Verlängerung ist fehlgeschlagen",
    key: "Lizenzschlüssel",
    activate: "Aktivieren",
    renew: "Jetzt verlängern",
  },
} as const;

/** What the page says about a plugin's license, and its forms; nothing for a plugin without any. */
export function licensePart(
  { license, paid }: PluginInfo,
  { base, locale }: { readonly base: string; readonly locale: Locale },
) {
  if (!paid && license.state === "none") return "";
  const texts = TEXTS[locale];
  const { plugin, state, kind, org, until } = license;
  const action = `${base}/license?lang=${locale}`;
  return html`${warningPart(license, locale)}
    <p>
      ${texts.license}: <strong>${texts[state]}</strong>${kind === null ? "" : ` · ${kind}`}
      ${org === null ? "" : ` · ${texts.for} ${org}`}
      ${until === null ? "" : ` · ${texts.until} ${until}`}
    </p>
    <form method="post" action="${action}">
      <input type="hidden" name="plugin" value="${plugin}" />
      <label
        >${texts.key}
        <input name="licenseKey" required autocomplete="off" spellcheck="false" maxlength="100"
      /></label>
      <button>${texts.activate}</button>
    </form>
    ${
      state === "none"
        ? ""
        : html`<form method="post" action="${action}">
            <input type="hidden" name="plugin" value="${plugin}" />
            <button>${texts.renew}</button>
          </form>`
    }`;
}

/** One banner, for the worst; why a renewal failed stands below it, in English like all codes. */
function warningPart({ warning, stateUntil, problem }: LicenseDescription, locale: Locale) {
  if (warning === null) return "";
  const texts = TEXTS[locale];
  const text = warning === "restricted" ? texts.restrictedNow : texts[warning];
  const isDated = warning === "refused" || warning === "renewal";
  return html`<p role="alert" data-warning="${warning}">
    ${text}${isDated && stateUntil !== null ? ` ${stateUntil}.` : ""}
    ${
      problem === null
        ? ""
        : html`<br />${texts.problem}: <span lang="en">${problem.code}: ${problem.message}</span>`
    }
  </p>`;
}
