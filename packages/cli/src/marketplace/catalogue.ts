import {
  localText,
  type PluginCard,
  type PluginDetail,
  pluginDetailSchema,
  splitPluginName,
  type VersionInfo,
  type VersionState,
  versionListSchema,
} from "@rising-bsm/protocol";
import { table } from "../table.ts";
import { plainText } from "../plain-text.ts";
import { type Connection, request } from "./request.ts";

/** A plugin and its versions, newest first as the marketplace sends them. */
export async function readPlugin(
  connection: Connection,
  name: string,
): Promise<{ plugin: PluginDetail; versions: readonly VersionInfo[] }> {
  const { scope, name: short } = splitPluginName(name);
  const path = `/v1/plugins/${scope}/${short}`;
  const [plugin, versions] = await Promise.all([
    request(connection, { method: "GET", path, answer: pluginDetailSchema }),
    readVersions(connection, `${path}/versions`),
  ]);
  return { plugin: plugin.value, versions };
}

/** More pages of versions than this no marketplace has reason to send. */
const VERSION_PAGES = 50;

async function readVersions(connection: Connection, path: string): Promise<VersionInfo[]> {
  const versions: VersionInfo[] = [];
  let query = "";
  for (let page = 0; page < VERSION_PAGES; page++) {
    const message = { method: "GET", path: path + query, answer: versionListSchema } as const;
    const { items, nextCursor } = (await request(connection, message)).value;
    versions.push(...items);
    if (nextCursor === null || nextCursor === undefined) break;
    query = `?${new URLSearchParams({ cursor: nextCursor }).toString()}`;
  }
  return versions;
}

/** A plugin and its versions for a person. */
export function pluginText(plugin: PluginDetail, versions: readonly VersionInfo[]): string {
  const facts = [
    ["publisher", plugin.publisher + (plugin.verified ? " (verified)" : "")],
    ["visibility", plugin.visibility],
    ["price", priceText(plugin.price)],
    ["license", plugin.license ?? "not stated"],
    ["permissions", plugin.permissions.join(", ") || "none"],
    ["network", plugin.network.join(", ") || "none"],
    ["dependencies", dependencyText(plugin.dependencies)],
  ] as const;
  const rows = versions.map((version) => [
    version.version,
    version.channels.join(", "),
    version.publishedAt.slice(0, 10),
    stateText(version),
    version.sha256,
  ]);
  return [
    `${plugin.name}@${plugin.version}  ${plainText(localText(plugin.displayName, "en"))}`,
    `  ${plainText(localText(plugin.description, "en"))}`,
    "",
    ...facts.map(([name, value]) => `  ${name.padEnd(12)} ${plainText(value)}`),
    "",
    table(["VERSION", "CHANNELS", "PUBLISHED", "STATE", "SHA-256"], rows),
  ].join("\n");
}

/** What a plugin costs at least. */
export function priceText(price: PluginCard["price"]): string {
  if (price === null) return "free";
  const period = price.period === undefined ? "" : `/${price.period}`;
  return `${price.amount} ${price.currency}${period}`;
}

function dependencyText(dependencies: PluginDetail["dependencies"]): string {
  const list = Object.entries(dependencies).map(([name, range]) => `${name} ${range}`);
  return list.join(", ") || "none";
}

/** Whether a version is published, in review, refused, yanked or deprecated, and why. */
export function stateText({
  yanked,
  deprecated,
  status,
  statusReason,
}: Pick<VersionState, "yanked" | "deprecated" | "status" | "statusReason">): string {
  if (yanked !== false) return plainText(`yanked: ${yanked.reason}`);
  if (deprecated !== false) return plainText(`deprecated: ${deprecated.reason}`);
  const state = status.replace("_", " ");
  return plainText(statusReason === undefined ? state : `${state}: ${statusReason}`);
}
