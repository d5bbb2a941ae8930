import {
  bundlePath,
  parseTlogProof,
  proofPath,
  RbsmError,
  releasePath,
} from "@rising-bsm/protocol";
import type { OfflineRequest } from "@rising-bsm/protocol";
import { z } from "zod";
import { settings } from "../env.ts";
import type { Bindings } from "../env.ts";
import { chooseReleases } from "./choose-releases.ts";
import type { ChosenRelease, WantedRelease } from "./choose-releases.ts";
import { tilesBetween } from "./log-tiles.ts";
import { behind, readTrust } from "./read-trust.ts";
import { openShownFiles } from "./shown-files.ts";
import type { AnswerFile, ShownFiles } from "./shown-files.ts";

export interface Collected {
  readonly files: readonly AnswerFile[];
  /** Of the plugin; null when the answer holds no release. */
  readonly version: string | null;
}

/**
 * Everything that the host will read while it verifies and installs, under the paths that it reads it
 * by. A paid plugin that the wanted one depends on comes without its bundle: it has a license, and so
 * a request, of its own. Throws `plugin_not_found` and `dependency_conflict` where nothing can be
 * installed, and `unavailable`.
 */
export async function collectFiles(
  env: Bindings,
  request: OfflineRequest,
  uncovered: WantedRelease["uncovered"],
): Promise<Collected> {
  const shown = openShownFiles(env.BUNDLES);
  const catalogue = await readTrust(shown, request.tuf);
  const { plugin, version, engines } = request;
  const wanted = { plugin, version, engines, uncovered };
  const chosen = await chooseReleases(wanted, (name) => catalogue.document(name)).catch(
    (error: unknown) => withoutRelease(error, request),
  );
  const sizes = await addStatements(shown, chosen);
  await addLog(shown, sizes, seenOf(env, request));
  // Last, as they are by far the longest.
  for (const { plugin: name, entry } of chosen) {
    if (!entry.paid || name === plugin) shown.add(bundlePath(entry.sha256).slice(1));
  }
  const own = chosen.find((release) => release.plugin === plugin);
  return { files: [...shown.files.values()], version: own?.entry.version ?? null };
}

/** A lease is renewed also when nothing can be installed any more: what is installed runs on. */
function withoutRelease(error: unknown, { license, version }: OfflineRequest): ChosenRelease[] {
  const isRefusal =
    error instanceof RbsmError && ["plugin_not_found", "dependency_conflict"].includes(error.code);
  if (isRefusal && version === undefined && !("key" in license)) return [];
  throw error;
}

/** Adds statements and proofs; sizes of the log that the proofs lead to. */
async function addStatements(
  shown: ShownFiles,
  chosen: readonly ChosenRelease[],
): Promise<number[]> {
  const sizes: number[] = [];
  for (const { plugin, entry } of chosen) {
    shown.add(releasePath(plugin, entry.version).slice(1));
    const proof = await shown.readText(proofPath(plugin, entry.version).slice(1));
    sizes.push(sizeOf(parseTlogProof(proof).checkpoint));
  }
  return sizes;
}

async function addLog(shown: ShownFiles, sizes: readonly number[], seen: number): Promise<void> {
  const size = sizeOf(await shown.readText("log/checkpoint"));
  if (size < seen) throw behind();
  for (const path of await tilesBetween([seen, size, ...sizes])) shown.add(`log/${path}`);
}

/** How much of this log the host has seen. */
function seenOf(env: Bindings, { logs }: OfflineRequest): number {
  const { LOG_ORIGIN } = settings(env);
  return logs.find(({ origin }) => origin === LOG_ORIGIN)?.size ?? 0;
}

/** The second line of a checkpoint (c2sp.org/tlog-checkpoint). */
function sizeOf(checkpoint: string): number {
  return z.coerce.number().int().nonnegative().parse(checkpoint.split("\n")[1]);
}
