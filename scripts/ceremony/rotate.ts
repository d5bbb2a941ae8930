import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { signersOf } from "./draft.ts";
import type { Signers } from "./draft.ts";
import { folderOf, proposeChanges } from "./draft-answer.ts";
import { readSigner } from "./signer-key.ts";
import type { Signer } from "./signer-key.ts";
import type { Answer } from "./terminal.ts";
import { requireInForce } from "./trust-folder.ts";

/** `rotate DIR`: signers come and go, the threshold changes, or all stay for another year. */
export async function rotate(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      add: { type: "string", multiple: true, default: [] },
      remove: { type: "string", multiple: true, default: [] },
      threshold: { type: "string" },
    },
  });
  const dir = folderOf("rotate", positionals);
  const inForce = await requireInForce(dir);
  const before = await signersOf(inForce.root);
  const staying = values.remove.reduce<readonly Signer[]>(without, before.signers);
  const signers: Signers = {
    signers: [...staying, ...(await Promise.all(values.add.map(readSigner)))],
    threshold: values.threshold === undefined ? before.threshold : Number(values.threshold),
  };
  return proposeChanges(dir, inForce, { signers });
}

function without(signers: readonly Signer[], leaving: string): Signer[] {
  const rest = signers.filter(({ name, keyId }) => name !== leaving && keyId !== leaving);
  if (rest.length < signers.length) return rest;
  throw new RbsmError("usage", `"${leaving}" is no signer`, {
    fix: `name one of ${signers.map(({ name }) => name).join(", ")}, or a key id`,
  });
}
