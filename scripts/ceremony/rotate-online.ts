import { access } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import type { Changes } from "./draft.ts";
import { folderOf, proposeChanges } from "./draft-answer.ts";
import { writeNewJson } from "./files.ts";
import {
  ONLINE_KEYS,
  createSeed,
  encodeServiceKeys,
  keyOfSeed,
  nextServiceKeys,
  platformRandom,
  readServiceKeys,
} from "./online-keys.ts";
import type { OnlineKey, Rotation } from "./online-keys.ts";
import type { Answer } from "./terminal.ts";
import { requireInForce, requireNoDraft } from "./trust-folder.ts";

/** `rotate-online DIR KEY…`: new online keys, whose secrets go to the Worker; the old ones count no more. */
export async function rotateOnline(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      planned: { type: "boolean", default: false },
      "until-index": { type: "string" },
      origin: { type: "string" },
    },
  });
  const dir = folderOf("rotate-online", positionals);
  const names = positionals.slice(1).map(onlineKey);
  const rotation = {
    now: new Date(),
    isPlanned: values.planned,
    untilIndex: indexOf(values["until-index"]),
    origin: values.origin ?? null,
  };
  assertComplete(names, rotation);
  const inForce = await requireInForce(dir);
  await requireNoDraft(dir);
  await requireNoSecrets(dir);
  const seeds = names.map((name) => [name, createSeed(platformRandom)] as const);
  const keys = new Map<OnlineKey, SigningKey>();
  for (const [name, seed] of seeds) keys.set(name, await keyOfSeed(seed));
  const serviceKeys = nextServiceKeys(readServiceKeys(inForce.files.serviceKeys), keys, rotation);
  const secrets = Object.fromEntries(seeds.map(([name, seed]) => [ONLINE_KEYS[name], seed]));
  await writeNewJson(join(dir, "secrets.json"), secrets);
  const changes = { ...tufChanges(keys), files: { serviceKeys: encodeServiceKeys(serviceKeys) } };
  const answer = await proposeChanges(dir, inForce, changes);
  const note = `"${dir}/secrets.json" holds the new ${names.join(", ")} key for the Worker.`;
  return { ...answer, lines: [...answer.lines, note] };
}

function onlineKey(name: string): OnlineKey {
  const all = Object.keys(ONLINE_KEYS).filter((key): key is OnlineKey => key in ONLINE_KEYS);
  const found = all.find((key) => key === name);
  if (found !== undefined) return found;
  throw new RbsmError("usage", `"${name}" is no online key`, { fix: `name ${all.join(", ")}` });
}

function indexOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RbsmError("usage", `--until-index takes a place in the log, not "${text}"`);
}

/** What only the person who holds the ceremony can know. */
function assertComplete(names: readonly OnlineKey[], rotation: Rotation): void {
  if (names.length === 0) {
    throw new RbsmError("usage", "rotate-online needs at least one key", {
      fix: `name ${Object.keys(ONLINE_KEYS).join(", ")}`,
    });
  }
  const isStolen = names.includes("release") && !rotation.isPlanned;
  if (isStolen && rotation.untilIndex === null) {
    throw new RbsmError("usage", "A stolen release key needs --until-index N", {
      fix: "N is the size of the log before the theft: the second line of /log/checkpoint",
    });
  }
  if (names.includes("log") && rotation.origin === null) {
    throw new RbsmError("usage", "A new log key is a new log and needs --origin NAME", {
      fix: "a name that no log had before, such as rising-bsm.com/log-2; also LOG_ORIGIN in wrangler.toml",
    });
  }
}

async function requireNoSecrets(dir: string): Promise<void> {
  const file = join(dir, "secrets.json");
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new RbsmError("conflict_exists", `"${file}" holds secrets of an earlier ceremony`, {
    fix: "deploy them if they are not in the Worker yet, then delete the file",
  });
}

function tufChanges(keys: ReadonlyMap<OnlineKey, SigningKey>): Changes {
  const { snapshot, timestamp, catalog } = Object.fromEntries(
    [...keys].map(([name, key]) => [name, [key.publicKey]]),
  );
  const online = {
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(timestamp === undefined ? {} : { timestamp }),
  };
  return {
    ...(Object.keys(online).length === 0 ? {} : { online }),
    ...(catalog === undefined ? {} : { catalog }),
  };
}
