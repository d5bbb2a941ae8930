import type {
  InstallOptions,
  PluginHost,
  PluginInfo,
  Progress,
  TrustInfo,
} from "@rising-bsm/host-sdk";
import { type Json, localText } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { plainText } from "../plain-text.ts";
import type { Report } from "../report.ts";
import { parseGrant } from "../run/parse-grant.ts";
import { table } from "../table.ts";
import { type HostAddress, requireRoot, withHost } from "./with-host.ts";

/** What the commands of `host` may be told. */
export interface ManageOptions extends HostAddress {
  readonly grant?: string;
  readonly license?: string;
  readonly acceptStale?: boolean;
  readonly acceptPublisher?: boolean;
  readonly deleteData?: boolean;
}

/** Everything installed. */
export async function list(cli: Cli, options: ManageOptions): Promise<Report> {
  const { plugins, fork } = await withHost(cli, options, async (host) => ({
    plugins: host.plugins(),
    fork: (await host.trust()).fork,
  }));
  const rows = plugins.map((plugin) => [plugin.name, plugin.version, stateText(plugin)]);
  const text =
    rows.length === 0 ? "nothing is installed" : table(["NAME", "VERSION", "STATE"], rows);
  const notices = [...forkNotice(fork), ...plugins.flatMap(noticesOn)];
  return { data: { plugins, fork }, text: [text, ...notices].join("\n") };
}

/** Installs `@scope/name`, or `@scope/name@range`, and what it depends on. */
export async function install(cli: Cli, name: string, options: ManageOptions): Promise<Report> {
  requireRoot(options);
  return await change(cli, options, (host) => {
    const { plugin, version } = splitRange(name);
    const granted = parseGrant(options.grant ?? "none");
    return host.install(plugin, {
      ...acceptances(cli, options),
      grant: granted === "none" ? [] : granted,
      ...(version === undefined ? {} : { version }),
      ...(options.license === undefined ? {} : { licenseKey: options.license }),
    });
  });
}

/** Updates a plugin; permissions that are new must be named by --grant. */
export async function update(cli: Cli, name: string, options: ManageOptions): Promise<Report> {
  requireRoot(options);
  return await change(cli, options, (host) => {
    const { plugin, version } = splitRange(name);
    const granted = parseGrant(options.grant ?? "none");
    return host.update(plugin, {
      ...acceptances(cli, options),
      acceptGrants: granted === "requested" ? true : granted === "none" ? [] : granted,
      ...(version === undefined ? {} : { version }),
    });
  });
}

/** Switches a plugin on, off, or back to the release before. */
export async function switchTo(
  cli: Cli,
  name: string,
  options: ManageOptions & { readonly operation: "enable" | "disable" | "rollback" },
): Promise<Report> {
  return await change(cli, options, (host) => host[options.operation](name));
}

/** Removes a plugin; its data stays unless it is to go too. */
export async function uninstall(cli: Cli, name: string, options: ManageOptions): Promise<Report> {
  const keepData = options.deleteData !== true;
  await withHost(cli, options, (host) => host.uninstall(name, { keepData }));
  const kept = keepData ? "its data is kept" : "its data is deleted";
  return { data: { plugin: name, keptData: keepData }, text: `${name} is uninstalled; ${kept}` };
}

/** One call of an installed plugin, with its data and licenses as they are. Asks nobody. */
export async function call(cli: Cli, { dataDir, name, method, args }: HostCall): Promise<Report> {
  const result = await withHost(cli, { dataDir }, (host) => host.call(name, method, args));
  return { data: { plugin: name, result }, text: JSON.stringify(result, null, 2) };
}

interface HostCall {
  readonly dataDir: string;
  readonly name: string;
  readonly method: string;
  readonly args: Json[];
}

async function change(
  cli: Cli,
  options: ManageOptions,
  work: (host: PluginHost) => Promise<PluginInfo>,
): Promise<Report> {
  const plugin = await withHost(cli, options, work);
  return { data: { plugin }, text: `${plugin.name}@${plugin.version} is ${stateText(plugin)}` };
}

function acceptances(
  cli: Cli,
  options: ManageOptions,
): Pick<InstallOptions, "onProgress" | "acceptStale" | "acceptPublisher"> {
  const onProgress = ({ step, plugin, version, done }: Progress): void => {
    // A download reports every chunk; one line a step is enough.
    if (done === undefined || done === 0)
      cli.note(`${step.padEnd(9)} ${plugin} ${version}`.trimEnd());
  };
  const { acceptStale = false, acceptPublisher = false } = options;
  return { onProgress, acceptStale, acceptPublisher };
}

/** `@scope/name@range`: the first `@` belongs to the name. */
function splitRange(text: string): { plugin: string; version: string | undefined } {
  const at = text.indexOf("@", 1);
  if (at === -1) return { plugin: text, version: undefined };
  return { plugin: text.slice(0, at), version: text.slice(at + 1) };
}

function forkNotice(fork: TrustInfo["fork"]): string[] {
  if (fork === null) return [];
  return [`the marketplace's log told two histories, see ${fork.file}: nothing is installed`];
}

/** What the marketplace says about an installed release. */
function noticesOn({ name, advisories }: PluginInfo): string[] {
  return advisories.map(({ id, action, reason, advisory }) => {
    const more = advisory === null ? "" : ` (see ${plainText(advisory)})`;
    return `${name}: ${action} (${id}): ${plainText(localText(reason, "en"))}${more}`;
  });
}

function stateText({ state, reason }: PluginInfo): string {
  return reason === null ? state : `${state}: ${plainText(reason.message)}`;
}
