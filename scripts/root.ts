/**
 * The ceremonies of a marketplace's maintainers, on a machine without a network: they need Node and
 * this repository only. What each step means and who does it: docs/runbook.md.
 */
import { RbsmError } from "@rising-bsm/protocol";
import { exitCode } from "../packages/cli/src/exit-code.ts";
import { create } from "./ceremony/create.ts";
import { checkKey, keygen } from "./ceremony/keygen.ts";
import { revoke, vouch } from "./ceremony/revoke.ts";
import { rotateOnline } from "./ceremony/rotate-online.ts";
import { rotate } from "./ceremony/rotate.ts";
import { sign } from "./ceremony/sign.ts";
import { openTerminal } from "./ceremony/terminal.ts";
import type { Answer, Terminal } from "./ceremony/terminal.ts";
import { verify } from "./ceremony/verify.ts";
import { requireNode24 } from "./processes.ts";

const USAGE = `Usage: node scripts/root.ts COMMAND [--json]

  keygen NAME --out DIR [--no-passphrase]
        one signer's key, on that signer's own machine
  check-key NAME.key.json
        that a copy of a key, and the passphrase, are still good
  create DIR --signer NAME.pub.json… [--threshold 2] [--origin rising-bsm.com/log]
        a new marketplace: its secrets, and the first root and targets to sign
  sign DIR --key NAME.key.json [--yes]
        shows in words what waits for signatures, and adds this signer's
  verify DIR
        what is in force, who has signed, what is missing, what expires when
  rotate DIR [--add NAME.pub.json]… [--remove NAME]… [--threshold N]
        other signers; without options the same ones for another year
  rotate-online DIR KEY… [--planned] [--until-index N] [--origin NAME]
        new online keys (snapshot timestamp catalog release lease log) in the place of stolen ones
  revoke DIR --id ID --action warn|block-install|disable --reason TEXT [--reason-de TEXT]
         (--plugin NAME --versions RANGE | --sha256 HEX | --publisher-key ID --from-index N)
         [--advisory URL]
        an entry of the offline list, which alone can disable; --withdraw ID takes one back
  vouch DIR --publisher NAME --public-key KEY --reason TEXT
        a key for a publisher who has lost all of theirs

DIR is the trust folder. A change is a draft in it until enough signers have signed.`;

const COMMANDS: Readonly<
  Record<string, (args: readonly string[], terminal: Terminal) => Promise<Answer>>
> = {
  keygen,
  "check-key": checkKey,
  create,
  sign,
  verify,
  rotate,
  "rotate-online": rotateOnline,
  revoke,
  vouch,
};

async function run(args: readonly string[], terminal: Terminal): Promise<Answer> {
  const [name = "", ...rest] = args;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new RbsmError("usage", USAGE);
  try {
    return await command(rest, terminal);
  } catch (error) {
    throw error instanceof RbsmError ? error : usageOf(error);
  }
}

/** Node's own errors of unknown options say which one; the usage follows. */
function usageOf(error: unknown): unknown {
  const isOption =
    error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
  return isOption ? new RbsmError("usage", error.message, { fix: USAGE }) : error;
}

function printFailure(error: RbsmError, isJson: boolean): void {
  const { code, message, detail } = error;
  const fix = typeof detail.fix === "string" ? { fix: detail.fix } : {};
  if (isJson) console.log(JSON.stringify({ ok: false, error: { code, message, ...fix } }));
  else console.error([message, ...Object.values(fix)].join("\n  "));
}

requireNode24();
const isJson = process.argv.includes("--json");
const terminal = openTerminal();
try {
  const args = process.argv.slice(2).filter((arg) => arg !== "--json");
  const { ok, lines, data } = await run(args, terminal);
  console.log(isJson ? JSON.stringify({ ok, ...data }) : lines.join("\n"));
  process.exitCode = ok ? 0 : exitCode("trust_metadata_invalid");
} catch (error) {
  if (!(error instanceof RbsmError)) throw error;
  printFailure(error, isJson);
  process.exitCode = exitCode(error.code);
} finally {
  terminal.close();
}
