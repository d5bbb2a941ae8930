import { parseArgs } from "node:util";
import {
  RbsmError,
  assertPublicKey,
  fromBase64url,
  isVersionRange,
  keyId,
  policySchema,
  revocationsSchema,
} from "@rising-bsm/protocol";
import type { z } from "zod";
import { folderOf, proposeChanges } from "./draft-answer.ts";
import { encodeJson, parseAs } from "./files.ts";
import type { Answer } from "./terminal.ts";
import { requireInForce } from "./trust-folder.ts";

const text = { type: "string" } as const;

/** `revoke DIR`: adds an entry to the offline list, which alone can disable, or takes one back. */
export async function revoke(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      id: text,
      action: text,
      reason: text,
      "reason-de": text,
      advisory: text,
      plugin: text,
      versions: text,
      sha256: text,
      "publisher-key": text,
      "from-index": text,
      withdraw: text,
    },
  });
  const dir = folderOf("revoke", positionals);
  const inForce = await requireInForce(dir);
  const list = parseAs(inForce.files.revocations, revocationsSchema, `"${dir}/revocations.json"`);
  const rest = list.entries.filter(({ id }) => id !== (values.withdraw ?? values.id));
  const isKnown = rest.length < list.entries.length;
  if (isKnown !== (values.withdraw !== undefined)) {
    const message = isKnown ? `"${values.id}" is taken` : `There is no "${values.withdraw}"`;
    throw new RbsmError("usage", message, { fix: `read "${dir}/revocations.json"` });
  }
  const entries = values.withdraw === undefined ? [...rest, entryOf(values)] : rest;
  const revocations = checked(revocationsSchema, { ...list, entries });
  return proposeChanges(dir, inForce, { files: { revocations: encodeJson(revocations) } });
}

type Wishes = Readonly<Record<string, string | undefined>>;

function entryOf(values: Wishes) {
  const { id, action, reason, advisory, "reason-de": german } = values;
  return {
    id,
    match: matchOf(values),
    action,
    reason: german === undefined ? reason : { en: reason, de: german },
    ...(advisory === undefined ? {} : { advisory }),
    issuedAt: new Date().toISOString(),
  };
}

/** One of the three ways to say what is meant. */
function matchOf(values: Wishes) {
  const { plugin, versions, sha256, "publisher-key": key, "from-index": index } = values;
  const wishes = [plugin, sha256, key].filter((one) => one !== undefined);
  if (wishes.length !== 1) {
    throw new RbsmError("usage", "Name one of --plugin, --sha256 and --publisher-key");
  }
  if (sha256 !== undefined) return { sha256 };
  if (key !== undefined) return { publisherKeyId: key, fromIndex: placeInLog(index) };
  // A range that nothing lies in would revoke nothing, and nobody would see it.
  if (versions !== undefined && isVersionRange(versions)) return { plugin, versions };
  throw new RbsmError("usage", `--versions takes a semver range such as "<=1.2.3", or "*"`);
}

function placeInLog(text = ""): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new RbsmError("usage", "--publisher-key needs --from-index N, a place in the log");
}

/** `vouch DIR`: a key for a publisher who has lost every other, by word of the offline role. */
export async function vouch(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { publisher: text, "public-key": text, reason: text },
  });
  const dir = folderOf("vouch", positionals);
  const inForce = await requireInForce(dir);
  const publicKey = values["public-key"] ?? "";
  const raw = fromBase64url(publicKey);
  assertPublicKey(raw);
  const { publisher, reason } = values;
  const policy = parseAs(inForce.files.policy, policySchema, `"${dir}/policy.json"`);
  const entry = { publisher, keyId: await keyId(raw), publicKey, reason };
  const next = checked(policySchema, {
    ...policy,
    publisherKeys: [...policy.publisherKeys, entry],
  });
  return proposeChanges(dir, inForce, { files: { policy: encodeJson(next) } });
}

/** Names the option that is wrong, not the place in a file that nobody wrote. */
function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const member = issue?.path.findLast((part) => typeof part === "string");
  throw new RbsmError("usage", `${String(member)}: ${issue?.message}`, {
    fix: "node scripts/root.ts shows the options",
  });
}
