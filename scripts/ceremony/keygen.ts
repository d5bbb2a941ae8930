import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { createSignerKey, readSignerKey } from "./signer-key.ts";
import type { Answer, Terminal } from "./terminal.ts";

/** Enough that half a second a guess keeps a stolen file closed. */
const PASSPHRASE_LENGTH = 16;

/** `keygen NAME --out DIR`: one signer's key, on that signer's own machine. */
export async function keygen(args: readonly string[], terminal: Terminal): Promise<Answer> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { out: { type: "string" }, "no-passphrase": { type: "boolean", default: false } },
  });
  const [name] = positionals;
  if (name === undefined || values.out === undefined) {
    throw new RbsmError("usage", "keygen needs a NAME and --out DIR");
  }
  const passphrase = values["no-passphrase"] ? null : await newPassphrase(terminal);
  const { keyId } = await createSignerKey(values.out, { name, passphrase });
  const [privateFile, publicFile] = [
    `${values.out}/${name}.key.json`,
    `${values.out}/${name}.pub.json`,
  ];
  return {
    ok: true,
    lines: [
      `Key id, to read aloud and to write down:`,
      ...aloud(keyId),
      `${privateFile}  stays with you, with a copy in another place`,
      `${publicFile}  goes to the ceremony`,
    ],
    data: { name, keyId, privateFile, publicFile },
  };
}

/** `check-key FILE`: that a copy of a key, and the passphrase, are still good. */
export async function checkKey(args: readonly string[], terminal: Terminal): Promise<Answer> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
  const [file] = positionals;
  if (file === undefined) throw new RbsmError("usage", "check-key needs a NAME.key.json");
  const { name, keyId } = await readSignerKey(file, () => askPassphrase(terminal, file));
  return { ok: true, lines: [`${name}'s key is good:`, ...aloud(keyId)], data: { name, keyId } };
}

/** Asks for the passphrase of a key file. */
export function askPassphrase(terminal: Terminal, file: string): Promise<string> {
  return terminal.ask(`Passphrase of ${file}:`, { hidden: true });
}

async function newPassphrase(terminal: Terminal): Promise<string> {
  const first = await terminal.ask(
    `New passphrase, at least ${PASSPHRASE_LENGTH} characters (nothing is shown):`,
    { hidden: true },
  );
  if (first.length < PASSPHRASE_LENGTH) {
    throw new RbsmError("usage", "The passphrase is too short", { fix: "take six random words" });
  }
  if ((await terminal.ask("Once more:", { hidden: true })) === first) return first;
  throw new RbsmError("usage", "The two passphrases differ", { fix: "begin again" });
}

/** Eight characters a group, four groups a line. */
function aloud(id: string): string[] {
  const groups = id.match(/.{8}/g) ?? [];
  return [`  ${groups.slice(0, 4).join(" ")}`, `  ${groups.slice(4).join(" ")}`];
}
