import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { LOG_ORIGIN } from "../ceremony.ts";
import { describeDraft } from "./describe.ts";
import { firstDraft } from "./draft.ts";
import { writeNewJson } from "./files.ts";
import { createSecrets, platformRandom } from "./online-keys.ts";
import { readSigner } from "./signer-key.ts";
import type { Answer } from "./terminal.ts";
import { draftAnswer, folderOf } from "./draft-answer.ts";
import { readInForce, requireNoDraft, writeDraft } from "./trust-folder.ts";

/** `create DIR --signer FILE…`: the secrets of a new marketplace, and a first root and targets to sign. */
export async function create(args: readonly string[]): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      signer: { type: "string", multiple: true, default: [] },
      threshold: { type: "string", default: "2" },
      origin: { type: "string", default: LOG_ORIGIN },
    },
  });
  const dir = folderOf("create", positionals);
  await requireNoDraft(dir);
  if ((await readInForce(dir)) !== null) {
    throw new RbsmError("conflict_exists", `"${dir}" holds a marketplace's trust already`, {
      fix: "name another folder; a change of this one begins with root.ts rotate",
    });
  }
  const signers = await Promise.all(values.signer.map(readSigner));
  const secrets = createSecrets(platformRandom);
  const { origin } = values;
  const now = new Date();
  const threshold = Number(values.threshold);
  const draft = await firstDraft({ signers, threshold }, { secrets, origin, now });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await writeNewJson(join(dir, "secrets.json"), secrets);
  await writeDraft(dir, draft);
  return draftAnswer(dir, await describeDraft(draft, null));
}
