import { RbsmError } from "@rising-bsm/protocol";
import { describeDraft } from "./describe.ts";
import { nextDraft } from "./draft.ts";
import type { Changes } from "./draft.ts";
import type { Answer } from "./terminal.ts";
import { requireNoDraft, writeDraft } from "./trust-folder.ts";
import type { InForce } from "./trust-folder.ts";

/** The trust folder that a command is given. */
export function folderOf(command: string, positionals: readonly string[]): string {
  const [dir] = positionals;
  if (dir !== undefined) return dir;
  throw new RbsmError("usage", `${command} needs the trust folder: root.ts ${command} DIR …`);
}

/** Writes the draft of a change, and says what it is. */
export async function proposeChanges(
  dir: string,
  inForce: InForce,
  changes: Changes,
): Promise<Answer> {
  await requireNoDraft(dir);
  const draft = await nextDraft(inForce, changes, new Date());
  await writeDraft(dir, draft);
  return draftAnswer(dir, await describeDraft(draft, inForce));
}

export function draftAnswer(dir: string, description: readonly string[]): Answer {
  return {
    ok: true,
    lines: [
      `"${dir}/draft" waits for signatures:`,
      ...description.map((line) => `  ${line}`),
      `Next, each signer: node scripts/root.ts sign ${dir} --key NAME.key.json`,
    ],
    data: { draft: `${dir}/draft`, description },
  };
}
