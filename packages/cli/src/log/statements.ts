import { type Marketplace, releaseKeyOf } from "@rising-bsm/host-sdk";
import {
  fromBase64,
  type LogEntry,
  openRelease,
  parseEnvelope,
  parseStatement,
  RbsmError,
  releasePath,
  type ReleaseStatement,
  releaseStatementSchema,
  type ServiceKeys,
  sha256Hex,
  TRUST_LIMITS,
} from "@rising-bsm/protocol";
import { inOrder } from "./in-order.ts";
import { ownerOf, type Ownership } from "./ownership.ts";
import type { LogFinding } from "./replay-log.ts";

/** Statements that are fetched at a time. */
const AHEAD = 8;

type Release = Extract<LogEntry, { type: "release" }>;

/** A release as it was logged, and whose scope it was then. */
interface Waiting {
  readonly index: number;
  readonly entry: Release;
  readonly owner: string | undefined;
}

/** Where statements lie; with the marketplace's keys their signatures are verified too. */
export interface StatementSource {
  readonly files: Pick<Marketplace, "getBytes">;
  readonly serviceKeys: ServiceKeys | null;
  readonly ownership: Ownership;
}

/** Holds release statements against their entries: digest, name, signature, and whose key signed. */
export function createStatementCheck(source: StatementSource) {
  const waiting: Waiting[] = [];
  let checked = 0;
  return {
    checked: () => checked,
    add(index: number, entry: LogEntry): void {
      if (entry.type !== "release") return;
      waiting.push({ index, entry, owner: ownerOf(source.ownership, entry.plugin) });
    },
    /** What is wrong with the releases that were added since the last time. */
    async run(): Promise<LogFinding[]> {
      const releases = waiting.splice(0);
      const findings: LogFinding[] = [];
      const check = async (at: number) => {
        const release = releases[at];
        return release === undefined ? null : await findingOf(source, release);
      };
      for await (const finding of inOrder(releases.length, AHEAD, check))
        if (finding !== null) findings.push(finding);
      checked += releases.length;
      return findings;
    },
  };
}

async function findingOf(source: StatementSource, release: Waiting): Promise<LogFinding | null> {
  const { index, entry } = release;
  const path = releasePath(entry.plugin, entry.version);
  const name = `${entry.plugin}@${entry.version}`;
  try {
    const envelope = await source.files.getBytes(path, TRUST_LIMITS.envelopeBytes);
    const payload = fromBase64(parseEnvelope(envelope).payload);
    const found = await sha256Hex(payload);
    if (found !== entry.statement) {
      const message = `entry ${index} logs ${entry.statement} for ${name}, which is served as ${found}`;
      return {
        rule: "log_statement_mismatch",
        path,
        message,
        index,
        expected: entry.statement,
        found,
      };
    }
    const statement = await openStatement(source, entry, envelope);
    const breach = keyBreach(source.ownership, release, statement);
    return breach === null ? null : { rule: "log_key_breach", path, message: breach, index };
  } catch (error) {
    if (!(error instanceof RbsmError) || error.code === "cancelled") throw error;
    const message = `the statement of entry ${index}, ${name}, cannot be verified: ${error.message}`;
    return { rule: "log_statement_invalid", path, message, index };
  }
}

async function openStatement(
  { serviceKeys }: StatementSource,
  { plugin, version }: Release,
  envelope: Uint8Array,
): Promise<ReleaseStatement> {
  if (serviceKeys !== null) {
    return await openRelease(envelope, releaseKeyOf(serviceKeys), { plugin, version });
  }
  const payload = fromBase64(parseEnvelope(envelope).payload);
  return parseStatement(releaseStatementSchema, payload, "trust_release_invalid");
}

/** Keys whose entries were not read are not judged. */
function keyBreach(
  { keys }: Ownership,
  { index, owner }: Waiting,
  { publisherKeyId }: ReleaseStatement,
): string | null {
  const key = keys.get(publisherKeyId);
  if (key === undefined) return null;
  const by = `entry ${index} is signed with the key ${publisherKeyId}`;
  if (owner !== undefined && owner !== key.publisher)
    return `${by} of ${key.publisher}, but the scope is ${owner}'s`;
  const { revoked } = key;
  if (revoked === undefined || revoked.at > index || revoked.fromIndex > index) return null;
  return `${by}, which entry ${revoked.at} revoked from ${revoked.fromIndex} on`;
}
