import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { draftProblems } from "./check.ts";
import { describeDraft } from "./describe.ts";
import { folderOf } from "./draft-answer.ts";
import { askPassphrase } from "./keygen.ts";
import { draftSignatures, signDraft } from "./signatures.ts";
import type { SignatureState } from "./signatures.ts";
import { readSignerKey } from "./signer-key.ts";
import type { Answer, Terminal } from "./terminal.ts";
import { putInForce, readDraft, readInForce, updateDraft } from "./trust-folder.ts";

/** `sign DIR --key FILE`: shows what the signature says, and adds it; the last one puts it in force. */
export async function sign(args: readonly string[], terminal: Terminal): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { key: { type: "string" }, yes: { type: "boolean", default: false } },
  });
  const dir = folderOf("sign", positionals);
  const file = values.key;
  if (file === undefined) throw new RbsmError("usage", "sign needs --key NAME.key.json");
  const [inForce, draft] = [await readInForce(dir), await readDraft(dir)];
  if (draft === null) throw new RbsmError("usage", `Nothing in "${dir}" waits for signatures`);
  const problems = await draftProblems(draft, inForce);
  if (problems.length > 0) {
    throw new RbsmError("trust_metadata_invalid", `Do not sign: ${problems.join("; ")}`, {
      fix: `find out who changed it, then delete "${dir}/draft" and begin again`,
    });
  }
  const description = await describeDraft(draft, inForce);
  terminal.show(["Your signature will say:", ...description.map((line) => `  ${line}`)]);
  if (!values.yes) await confirm(terminal);
  const key = await readSignerKey(file, () => askPassphrase(terminal, file));
  await signDraft(draft, inForce, key);
  const signatures = await draftSignatures(draft, inForce);
  const isComplete = signatures.every(({ isEnough }) => isEnough);
  if (isComplete) await putInForce(dir, draft);
  else await updateDraft(dir, draft);
  const last = isComplete
    ? `It is in force in "${dir}". Next: node scripts/root.ts verify ${dir}`
    : `Carry "${dir}" to the next signer.`;
  return {
    ok: true,
    lines: [`${key.name} has signed.`, ...describeSignatures(signatures), last],
    data: { signedBy: key.name, inForce: isComplete, description, signatures },
  };
}

async function confirm(terminal: Terminal): Promise<void> {
  const answer = await terminal.ask("Is this what you mean to sign? Type yes:");
  if (answer.trim() === "yes") return;
  throw new RbsmError("cancelled", "Nothing was signed");
}

/** A line for each demand: how many, whose, and who could still sign. */
export function describeSignatures(states: readonly SignatureState[]): string[] {
  return states.map(({ file, demandedBy, threshold, signed, missing }) => {
    const by = signed.length === 0 ? "nobody" : signed.join(", ");
    const rest = missing.length === 0 ? "" : `, not by ${missing.join(", ")}`;
    return `  ${file}: ${signed.length} of ${threshold} for ${demandedBy}: by ${by}${rest}`;
  });
}
