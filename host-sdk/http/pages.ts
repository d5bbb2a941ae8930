import {
  HOST_HTTP_LIMITS,
  type Json,
  type Locale,
  localText,
  parseJson,
  RbsmError,
  utf8Decode,
} from "@rising-bsm/protocol";
import { html } from "hono/html";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import type { PluginInfo } from "../lifecycle/describe.ts";
import { answerPage } from "./answer.ts";
import type { Mounted } from "./handler.ts";
import { licensePart } from "./license-part.ts";
import { requireActor } from "./permissions.ts";
import { readBody } from "./read-body.ts";

const TEXTS = {
  en: {
    title: "Plugins",
    none: "No plugin is installed.",
    active: "active",
    disabled: "disabled",
    failed: "failed",
    revoked: "revoked",
    stopped: "Stopped by the marketplace",
    blocked: "Withdrawn from new installations",
    warned: "Warning",
    more: "More",
    held: "An update is held back",
    changed:
      "It comes from another publisher, or is signed with another key, than before. Ask the publisher, by another way than the marketplace; then update and accept the publisher.",
    stale:
      "For 48 hours or longer this host has learnt nothing about updates and revoked plugins; installed plugins keep running. The marketplace was last verified at",
    forked:
      "The marketplace's log told this host two histories. Nothing is installed or updated; installed plugins keep running. The evidence:",
    version: "Version",
    may: "It may",
    mayNothing: "It may see nothing of yours.",
    call: "Call a method",
    method: "Method",
    args: "Arguments (JSON list)",
    send: "Call",
    result: "Result",
    refused: "It did not work",
    other: "Deutsch",
    routes: "Its own pages",
    figures: "Figures, schedules and log",
    calls: "Calls",
    failures: "failed",
    median: "median and 99th percentile (ms)",
    memory: "Share of the process's memory (MB)",
    denials: "Refused for want of a permission",
    never: "never",
    next: "next",
    last: "last",
  },
  de: {
    title: "Plugins",
    none: "Es ist kein Plugin installiert.",
    active: "aktiv",
    disabled: "deaktiviert",
    failed: "fehlgeschlagen",
    revoked: "gesperrt",
    stopped: "Vom Marktplatz gestoppt",
    blocked: "Von neuen Installationen ausgeschlossen",
    warned: "Warnung",
    more: "Mehr dazu",
    held: "Eine Aktualisierung wird zurückgehalten",
    changed:
      "Sie kommt von einem anderen Anbieter als bisher oder trägt die Unterschrift eines anderen Schlüssels. Fragen Sie den Anbieter auf einem anderen Weg als über den Marktplatz; aktualisieren Sie dann und nehmen Sie den Anbieter an.",
    stale:
      "Seit 48 Stunden oder länger hat dieser Host nichts über Updates und zurückgezogene Plugins erfahren; installierte Plugins laufen weiter. Zuletzt geprüft wurde der Marktplatz am",
    forked:
      "Das Protokoll des Marktplatzes hat diesem Host zwei Fassungen gezeigt. Nichts wird installiert oder aktualisiert; installierte Plugins laufen weiter. Der Beleg:",
    version: "Version",
    may: "Es darf",
    mayNothing: "Es darf nichts von Ihnen sehen.",
    call: "Methode aufrufen",
    method: "Methode",
    args: "Argumente (JSON-Liste)",
    send: "Aufrufen",
    result: "Ergebnis",
    refused: "Es hat nicht geklappt",
    other: "English",
    routes: "Eigene Seiten",
    figures: "Zahlen, Zeitpläne und Protokoll",
    calls: "Aufrufe",
    failures: "fehlgeschlagen",
    median: "Median und 99. Perzentil (ms)",
    memory: "Anteil am Speicher des Prozesses (MB)",
    denials: "Mangels Berechtigung abgelehnt",
    never: "nie",
    next: "nächster Lauf",
    last: "letzter Lauf",
  },
} as const;

const STYLE = `:root{color-scheme:light dark;background:Canvas;color:CanvasText;font:1rem/1.5 system-ui,sans-serif}
body{max-width:48rem;margin:0 auto;padding:1rem}article{border-top:1px solid;padding:.5rem 0 1rem}
label{display:block;margin:.5rem 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}
button{font:inherit;padding:.4rem 1rem}pre{overflow:auto;border:1px solid;padding:.5rem}`;

/** What the last call gave, to show above the list. */
interface Outcome {
  readonly plugin: string;
  /** The method that was called, or what else was done. */
  readonly method: string;
  /** Null when it was no call. */
  readonly args: string | null;
  readonly result?: Json;
  readonly refusal?: RbsmError;
}

/** The page at the mount, and the form on it. Works without scripts. */
export async function servePages(host: PluginHost, mounted: Mounted): Promise<Response> {
  const { request, path, actor } = mounted;
  const locale = localeOf(mounted);
  if (path === "/" && ["GET", "HEAD"].includes(request.method)) {
    requireActor(actor, "plugin.view");
    return answerPage(await pageOf(host, { mounted, locale, outcome: null }));
  }
  const sent = request.method === "POST" ? FORMS[path] : undefined;
  if (sent !== undefined) {
    const outcome = await sent(host, mounted);
    const status = outcome.refusal?.status ?? 200;
    return answerPage(await pageOf(host, { mounted, locale, outcome }), status);
  }
  throw new RbsmError("not_found");
}

function localeOf({ url, request }: Mounted): Locale {
  const asked = url.searchParams.get("lang") ?? request.headers.get("accept-language") ?? "";
  return /^de\b/i.test(asked) ? "de" : "en";
}

/** What the forms of the page do, by path. */
const FORMS: Partial<Record<string, (host: PluginHost, mounted: Mounted) => Promise<Outcome>>> = {
  "/call": callFromForm,
  "/license": licenseFromForm,
};

const callSchema = z.object({ plugin: z.string(), method: z.string(), args: z.string() });
const licenseSchema = z.object({
  plugin: z.string(),
  /** Left out: the next lease is asked for. */
  licenseKey: z.string().min(1).max(100).optional(),
});

async function readForm<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const bytes = await readBody(request, HOST_HTTP_LIMITS.apiBodyBytes);
  const form = schema.safeParse(Object.fromEntries(new URLSearchParams(utf8Decode(bytes))));
  if (form.success) return form.data;
  throw new RbsmError("request_invalid", "The form is not complete");
}

async function licenseFromForm(host: PluginHost, { request, actor }: Mounted): Promise<Outcome> {
  requireActor(actor, "plugin.manage");
  const { plugin, licenseKey } = await readForm(request, licenseSchema);
  const done = { plugin, method: "license", args: null };
  try {
    const license =
      licenseKey === undefined
        ? await host.renewLicense(plugin)
        : await host.activateLicense(plugin, licenseKey.trim());
    return { ...done, result: license };
  } catch (error) {
    if (error instanceof RbsmError) return { ...done, refusal: error };
    throw error;
  }
}

async function callFromForm(host: PluginHost, { request, actor }: Mounted): Promise<Outcome> {
  const caller = requireActor(actor, "plugin.view");
  const { plugin, method, args } = await readForm(request, callSchema);
  try {
    const limits = {
      maxBytes: HOST_HTTP_LIMITS.apiBodyBytes,
      maxDepth: 64,
      code: "request_invalid",
    } as const;
    const list = z.array(z.json()).safeParse(parseJson(args.trim() === "" ? "[]" : args, limits));
    if (!list.success) throw new RbsmError("request_invalid", "The arguments are not a JSON list");
    return {
      plugin,
      method,
      args,
      result: await host.call(plugin, method, list.data, { actor: caller }),
    };
  } catch (error) {
    if (error instanceof RbsmError) return { plugin, method, args, refusal: error };
    throw error;
  }
}

interface PageParts {
  readonly mounted: Mounted;
  readonly locale: Locale;
  readonly outcome: Outcome | null;
}

async function pageOf(host: PluginHost, { mounted, locale, outcome }: PageParts): Promise<string> {
  const texts = TEXTS[locale];
  const plugins = host.plugins();
  const { fork, stale, refreshedAt } = await host.trust();
  const observed = await Promise.all(plugins.map(({ name }) => observe(host, name)));
  const home = mounted.base === "" ? "/" : mounted.base;
  const other = locale === "en" ? "de" : "en";
  const page = await html`<!doctype html>
    <html lang="${locale}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${texts.title}</title>
        <style>
          ${STYLE}
        </style>
      </head>
      <body>
        <header>
          <h1>${texts.title}</h1>
          <p>
            <a href="${home}?lang=${other}" hreflang="${other}" lang="${other}">${texts.other}</a>
          </p>
        </header>
        <main>
          ${fork === null ? "" : html`<p role="alert">${texts.forked} <code>${fork.file}</code></p>`}
          ${stale === null ? "" : html`<p role="alert">${texts.stale} ${refreshedAt}</p>`}
          ${outcome === null ? "" : outcomePart(outcome, locale)}
          ${plugins.length === 0 ? html`<p>${texts.none}</p>` : ""}
          ${plugins.map((plugin, i) => pluginPart(plugin, { mounted, locale, outcome }, observed[i]))}
        </main>
      </body>
    </html>`;
  return page.toString();
}

function outcomePart({ plugin, method, result, refusal }: Outcome, locale: Locale) {
  const texts = TEXTS[locale];
  const heading = refusal === undefined ? texts.result : texts.refused;
  const text =
    refusal === undefined ? JSON.stringify(result, null, 2) : `${refusal.code}: ${refusal.message}`;
  return html`<section role="status" aria-labelledby="outcome">
    <h2 id="outcome">${heading}: ${plugin} ${method}</h2>
    <pre>${text}</pre>
  </section>`;
}

/** Log lines shown of each plugin. */
const LINES_SHOWN = 10;

/** What a plugin does, to read below it; undefined when it was removed meanwhile. */
async function observe(host: PluginHost, name: string) {
  try {
    const [usage, schedules] = await Promise.all([host.usage(name), host.schedules(name)]);
    return { usage, schedules, lines: host.logs(name, { limit: LINES_SHOWN }) };
  } catch {
    return undefined;
  }
}

type Observed = NonNullable<Awaited<ReturnType<typeof observe>>>;

function observedPart({ usage, schedules, lines }: Observed, locale: Locale) {
  const texts = TEXTS[locale];
  const denials = Object.entries(usage.denials).map(([code, count]) => `${code} ${count}`);
  return html`<details>
    <summary>${texts.figures}</summary>
    <p>
      ${texts.calls}: ${usage.calls} (${usage.failures} ${texts.failures}), ${texts.median}:
      ${usage.p50Ms} / ${usage.p99Ms}. ${texts.memory}: ${usage.rssMb}.
      ${denials.length === 0 ? "" : `${texts.denials}: ${denials.join(", ")}.`}
    </p>
    <ul>
      ${schedules.map(
        ({ name, cron, nextAt, lastAt, lastOutcome }) =>
          html`<li>
            ${name} <code>${cron}</code>: ${texts.next} ${nextAt ?? texts.never}, ${texts.last}
            ${lastAt ?? texts.never} ${lastOutcome ?? ""}
          </li>`,
      )}
    </ul>
    <pre>${lines.map(({ at, level, message }) => `${at} ${level} ${message}`).join("\n")}</pre>
  </details>`;
}

const ADVISED = { disable: "stopped", "block-install": "blocked", warn: "warned" } as const;

/** What the marketplace says about the release, and the update that waits for the administrator. */
function noticesPart({ advisories, heldUpdate }: PluginInfo, locale: Locale) {
  const texts = TEXTS[locale];
  return html`${advisories.map(
    ({ id, action, reason, advisory }) =>
      html`<p role="note">
        <strong>${texts[ADVISED[action]]}</strong> (${id}): ${localText(reason, locale)}
        ${advisory === null ? "" : html`<a href="${advisory}" rel="noreferrer">${texts.more}</a>`}
      </p>`,
  )}
  ${
    heldUpdate === null
      ? ""
      : html`<p role="note">
          <strong>${texts.held}</strong> (${heldUpdate.version}):
          ${heldUpdate.problem.code === "trust_publisher_changed" ? texts.changed : ""}
          <span lang="en">${heldUpdate.problem.code}: ${heldUpdate.problem.message}</span>
        </p>`
  }`;
}

/** English, like all that a plugin or the host says; what a notice below says better is left out. */
function reasonPart({ reason, advisories }: PluginInfo) {
  if (reason === null || advisories.some(({ action }) => action === "disable")) return "";
  return html` <span lang="en">(${reason.code}: ${reason.message})</span>`;
}

function pluginPart(
  plugin: PluginInfo,
  { mounted, locale, outcome }: PageParts,
  observed: Observed | undefined,
) {
  const texts = TEXTS[locale];
  const granted = plugin.permissions.filter((permission) => permission.granted);
  const isCall = outcome?.plugin === plugin.name && outcome.args !== null;
  const given = isCall ? outcome : null;
  return html`<article aria-labelledby="${plugin.name}">
    <h2 id="${plugin.name}">${localText(plugin.displayName, locale)}</h2>
    <p>
      <code>${plugin.name}</code> · ${texts.version} ${plugin.version} ·
      <strong>${texts[plugin.state]}</strong>${reasonPart(plugin)}
    </p>
    ${noticesPart(plugin, locale)}${licensePart(plugin, { base: mounted.base, locale })}
    <p>${localText(plugin.description, locale)}</p>
    <p>
      ${granted.length === 0 ? texts.mayNothing : `${texts.may}: ${granted.map((one) => one[locale]).join("; ")}.`}
    </p>
    <form method="post" action="${mounted.base}/call?lang=${locale}">
      <fieldset>
        <legend>${texts.call}: ${plugin.name}</legend>
        <input type="hidden" name="plugin" value="${plugin.name}" />
        <label
          >${texts.method} <input name="method" required value="${given?.method ?? ""}"
        /></label>
        <label>${texts.args} <input name="args" value="${given?.args ?? "[]"}" /></label>
        <button>${texts.send}</button>
      </fieldset>
    </form>
    ${observed === undefined ? "" : observedPart(observed, locale)}
    <p><a href="${mounted.base}/x/${plugin.name}/">${texts.routes}</a></p>
  </article>`;
}
