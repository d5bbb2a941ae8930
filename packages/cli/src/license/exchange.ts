import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ImportedLicense, LicenseDescription } from "@rising-bsm/host-sdk";
import { RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import {
  type HostAddress,
  withCarriedHost,
  withHost,
  withKnownMarketplace,
} from "../host/with-host.ts";
import { unreadable } from "../read-file.ts";
import type { Report } from "../report.ts";
import { parseGrant } from "../run/parse-grant.ts";
import { writeFileAtomic } from "../write-file.ts";
import { licensesText } from "./licenses-text.ts";

/** What `license request` may be told. */
export interface RequestOptions {
  readonly dataDir: string;
  readonly out: string;
  readonly key?: string;
  readonly version?: string;
}

/** Writes the request file. */
export async function request(cli: Cli, plugin: string, options: RequestOptions): Promise<Report> {
  const { key: licenseKey, version } = options;
  const file = await withHost(cli, { dataDir: options.dataDir }, (host) =>
    host.licenseRequest(plugin, { licenseKey, version }),
  );
  const out = resolve(cli.cwd, options.out);
  await writeFileAtomic(out, `${JSON.stringify(file, null, 2)}\n`, 0o600);
  const secret = licenseKey === undefined ? "" : "\nit holds the license key: keep it to yourself";
  return {
    data: { plugin, file: out, claims: licenseKey === undefined ? "renewal" : "activation" },
    text: `${out} asks for a license of ${plugin}${secret}\nhave it answered on a machine with a network: rising-bsm license answer ${options.out} --out answer.tar`,
  };
}

/** What `license import` may be told. */
export interface ImportOptions {
  readonly dataDir: string;
  readonly root?: string;
  readonly grant?: string;
  readonly leaseOnly?: boolean;
  readonly acceptStale?: boolean;
  readonly acceptPublisher?: boolean;
}

/** Takes an answer in. Nothing is asked over the network, whatever is in the file. */
export async function importFile(cli: Cli, file: string, options: ImportOptions): Promise<Report> {
  const path = resolve(cli.cwd, file);
  await requireFile(path);
  const granted = parseGrant(options.grant ?? "none");
  const { leaseOnly, acceptStale, acceptPublisher } = options;
  const imported = await withCarriedHost(cli, options, (host) =>
    host.importLicense(createReadStream(path), {
      grant: granted === "none" ? [] : granted,
      leaseOnly,
      acceptStale,
      acceptPublisher,
    }),
  );
  return { data: { ...imported }, text: importedText(imported) };
}

async function requireFile(path: string): Promise<void> {
  const info = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (!info.isFile()) throw new RbsmError("usage", `${path} is not a file`);
}

function importedText({ plugin, license, release, version }: ImportedLicense): string {
  const until = license.leaseUntil === null ? "" : ` until ${license.leaseUntil}`;
  const what =
    version === null ? "the plugin is not installed" : `version ${version} is ${release}`;
  return `${plugin}: the license is ${license.state}, its lease runs${until}\n${what}`;
}

/** Asks the marketplace for the next lease now, instead of at the host's next look. */
export async function renew(cli: Cli, plugin: string, options: HostAddress): Promise<Report> {
  const license = await withKnownMarketplace(cli, options, (host) => host.renewLicense(plugin));
  return { data: { license }, text: licensesText([license], null) };
}

/** What `license show` may be told. */
export interface ShowOptions {
  readonly dataDir: string;
  readonly at?: string;
}

/** What a stopped host holds, now or at another time if nothing is renewed until then. */
export async function show(
  cli: Cli,
  plugin: string | undefined,
  options: ShowOptions,
): Promise<Report> {
  const at = options.at === undefined ? undefined : parseDate(options.at);
  const all = await withHost(cli, { dataDir: options.dataDir }, async (host) => host.licenses(at));
  const licenses = plugin === undefined ? all : [ofPlugin(all, plugin)];
  return {
    data: { at: at?.toISOString() ?? null, licenses },
    text: licensesText(licenses, at ?? null),
  };
}

function ofPlugin(all: readonly LicenseDescription[], plugin: string): LicenseDescription {
  const found = all.find((license) => license.plugin === plugin);
  if (found !== undefined) return found;
  throw new RbsmError("license_required", `This host holds no license of ${plugin}`, {
    fix: "list all that it holds: rising-bsm license show --data-dir DIR",
  });
}

const DAY_MS = 86_400_000;

const DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)?)?$/;

function isInCalendar(text: string): boolean {
  const day = text.slice(0, 10);
  return new Date(day).toISOString().startsWith(day);
}

function parseDate(text: string): Date {
  const days = /^\+(\d{1,5})d$/.exec(text)?.[1];
  if (days !== undefined) return new Date(Date.now() + Number(days) * DAY_MS);
  const date = new Date(text);
  // A Date is made of almost anything: of "next week 5", and of February 30.
  if (DATE.test(text) && !Number.isNaN(date.getTime()) && isInCalendar(text)) return date;
  throw new RbsmError("usage", `"${text}" is no date`, {
    fix: "write it like 2026-12-24 or 2026-12-24T12:00:00Z, or +13d for 13 days from now",
  });
}
