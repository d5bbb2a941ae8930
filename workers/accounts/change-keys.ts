import { RbsmError } from "@rising-bsm/protocol";
import type { PublisherKeysAnswer } from "@rising-bsm/protocol";
import { auditEntry } from "../audit.ts";
import { writeDatabase } from "../database.ts";
import type { AppContext } from "../http.ts";
import { advance } from "../log/advance.ts";
import type { KeyChange, KeyFacts } from "./key-change.ts";
import { describeKeys, loadKeys, storeKeyChange } from "./key-queries.ts";
import type { LoadedKeys } from "./key-queries.ts";

const ATTEMPTS = 5;

export interface KeyAction {
  readonly publisher: string;
  readonly action: string;
  readonly subject: string;
  readonly detail?: Record<string, unknown>;
  /** Null when what is asked for is so already. */
  readonly decide: (facts: KeyFacts, now: number) => Promise<KeyChange | null>;
}

/**
 * Decides from the keys as they are and stores the decision only over these: of two changes at once
 * the second is decided anew. What a repetition finds done is still brought into log and documents.
 */
export async function changeKeys(
  c: AppContext,
  { publisher, decide, ...fact }: KeyAction,
): Promise<{ changed: boolean; keys: PublisherKeysAnswer }> {
  const db = writeDatabase(c.env);
  const entry = auditEntry(c, { ...fact, at: Date.now(), detail: { publisher, ...fact.detail } });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const facts = factsOf(publisher, await loadKeys(db, publisher));
    const change = await decide(facts, entry.at);
    if (change === null || (await storeKeyChange(db, { publisher, facts, change }, entry))) {
      await advance(c.env);
      return {
        changed: change !== null,
        keys: describeKeys(publisher, await loadKeys(db, publisher)),
      };
    }
  }
  throw new RbsmError("conflict_row_version", "The publisher's keys are being changed by others");
}

function factsOf(publisher: string, loaded: LoadedKeys): KeyFacts {
  if (loaded.owner === undefined) throw noPublisher(publisher);
  const { keys, recovery, nextIndex } = describeKeys(publisher, loaded);
  return {
    keys: { publisher, keys, recovery },
    statements: loaded.statements.map(({ digest }) => digest),
    nextIndex,
    revision: loaded.owner.revision,
  };
}

export function noPublisher(name: string): RbsmError {
  return new RbsmError("not_found", `There is no publisher "${name}"`);
}
