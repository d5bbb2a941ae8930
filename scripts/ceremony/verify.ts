import { parseArgs } from "node:util";
import { formatVerifierKey, fromBase64url } from "@rising-bsm/protocol";
import { draftProblems, inForceProblems } from "./check.ts";
import { describeDraft, fingerprint } from "./describe.ts";
import { signersOf } from "./draft.ts";
import { folderOf } from "./draft-answer.ts";
import { readServiceKeys } from "./online-keys.ts";
import { describeSignatures } from "./sign.ts";
import { draftSignatures, inForceSignatures } from "./signatures.ts";
import type { Answer } from "./terminal.ts";
import { readDraft, readInForce } from "./trust-folder.ts";
import type { Draft, InForce } from "./trust-folder.ts";

/** `verify DIR`: what is in force, what waits, what is missing, and what is due. */
export async function verify(args: readonly string[]): Promise<Answer> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
  const dir = folderOf("verify", positionals);
  const [inForce, draft] = [await readInForce(dir), await readDraft(dir)];
  const state = inForce === null ? nothingInForce(dir) : await describeInForce(inForce);
  const waiting = draft === null ? NOTHING_WAITS : await describeWaiting(draft, inForce);
  const problems = [...state.problems, ...waiting.problems];
  return {
    ok: problems.length === 0,
    lines: [
      ...state.lines,
      ...waiting.lines,
      ...problems.map((problem) => `problem: ${problem}`),
      problems.length === 0 ? "All is well." : "This is not to be used.",
    ],
    data: { inForce: state.data, warnings: state.warnings, draft: waiting.data, problems },
  };
}

const NOTHING_WAITS = { problems: [], lines: [], data: null };

function nothingInForce(dir: string) {
  return { problems: [`Nothing in "${dir}" is in force`], warnings: [], lines: [], data: null };
}

async function describeInForce(inForce: InForce) {
  const { root, targets } = inForce;
  const { signers, threshold } = await signersOf(root);
  const files = [["root", root] as const, ["targets", targets] as const];
  const states = await Promise.all(
    files.map(async ([role, metadata]) => {
      const { version, expires } = metadata.signed;
      return { role, version, expires, fingerprint: await fingerprint(metadata) };
    }),
  );
  const verifierKeys = await verifierKeysOf(inForce);
  const { problems, warnings } = await inForceProblems(inForce, new Date());
  return {
    problems,
    warnings,
    lines: [
      ...states.flatMap((state) => [
        `${state.role} ${state.version}, valid until ${state.expires}`,
        `  fingerprint ${state.fingerprint}`,
      ]),
      `${threshold} of ${signers.length} signers:`,
      ...signers.map(({ name, keyId }) => `  ${name} ${keyId}`),
      ...describeSignatures(await inForceSignatures(inForce)),
      ...verifierKeys.map((key) => `log ${key}`),
      ...warnings.map((warning) => `warning: ${warning}`),
    ],
    data: {
      files: states,
      threshold,
      signers: signers.map(({ name, keyId }) => ({ name, keyId })),
      verifierKeys,
    },
  };
}

/** The logs' keys as `rising-bsm log verify --key` takes them. */
async function verifierKeysOf({ files }: InForce): Promise<string[]> {
  return await Promise.all(
    readServiceKeys(files.serviceKeys).log.map(({ origin, publicKey }) =>
      formatVerifierKey({ name: origin, publicKey: fromBase64url(publicKey), role: "log" }),
    ),
  );
}

async function describeWaiting(draft: Draft, inForce: InForce | null) {
  const problems = await draftProblems(draft, inForce);
  const description = await describeDraft(draft, inForce);
  const signatures = await draftSignatures(draft, inForce);
  const shown = description.map((line) => `  ${line}`);
  return {
    problems,
    lines: ["A draft waits for signatures:", ...shown, ...describeSignatures(signatures)],
    data: { description, signatures },
  };
}
