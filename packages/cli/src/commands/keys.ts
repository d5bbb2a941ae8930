import { access } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { Command } from "commander";
import type { Cli, DefineCommand, Run } from "../command.ts";
import type { EnrollOptions } from "../keys/enroll-key.ts";
import type { RecoverOptions } from "../keys/recover-keys.ts";
import type { RevokeOptions } from "../keys/revoke-key.ts";
import type { RotateOptions } from "../keys/rotate-key.ts";
import type { Report } from "../report.ts";

/** `keys`: the publisher's signing keys. Seeds stay in their files and are never printed. */
export const keysCommand: DefineCommand = (run) =>
  new Command("keys")
    .description("make, list, export, enroll, rotate, revoke and recover signing keys")
    .addCommand(newCommand(run))
    .addCommand(listCommand(run))
    .addCommand(exportCommand(run))
    .addCommand(enrollCommand(run))
    .addCommand(rotateCommand(run))
    .addCommand(revokeCommand(run))
    .addCommand(recoverCommand(run));

interface NewOptions {
  readonly name: string;
  readonly out?: string;
  readonly recovery: boolean;
}

function newCommand(run: Run): Command {
  return new Command("new")
    .description("make an Ed25519 signing key, and the recovery key for when it is lost or stolen")
    .option(
      "-n, --name <name>",
      "its name in the configuration folder; `default` signs builds",
      "default",
    )
    .option("-o, --out <file>", "write it to this file instead")
    .option("--no-recovery", "make no recovery key, for a further key of a publisher who has one")
    .action(run(makeKey));
}

async function makeKey(cli: Cli, options: NewOptions): Promise<Report> {
  const { createKeyFile, keyPath, readKeyIfExists, recoveryPath } =
    await import("../keys/key-file.ts");
  const { base64url } = await import("@rising-bsm/protocol");
  const file =
    options.out === undefined ? keyPath(cli.env, options.name) : resolve(cli.cwd, options.out);
  const recovery = options.recovery ? recoveryPath(file) : null;
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  // Written first, so that no key names a recovery key that is not there; one left alone is taken up.
  const recoveryKey =
    recovery === null || isThere
      ? null
      : ((await readKeyIfExists(recovery, "recovery")) ??
        (await createKeyFile(recovery, "recovery")));
  const key = await createKeyFile(file, "signing", recoveryKey?.keyId);
  const data = {
    keyId: key.keyId,
    publicKey: base64url(key.publicKey),
    file,
    recovery: recoveryKey === null ? null : { keyId: recoveryKey.keyId, file: recovery },
  };
  const lines = [
    `key ${data.keyId}`,
    `  public   ${data.publicKey}`,
    `  file     ${file} (mode 0600: back it up, never publish it)`,
  ];
  if (recovery !== null) {
    lines.push(
      `  recovery ${recovery}`,
      "           Move it off this machine, to paper or a stick in a safe, and delete it here once",
      "           `keys enroll` is done: it alone gets your plugins back when the key is lost or stolen.",
    );
  }
  return { data, text: lines.join("\n") };
}

function listCommand(run: Run): Command {
  return new Command("list").description("list the keys of the configuration folder").action(
    run(async (cli) => {
      const { DEFAULT_KEY, listKeys } = await import("../keys/key-file.ts");
      const { base64url } = await import("@rising-bsm/protocol");
      const keys = (await listKeys(cli.env)).map(({ name, file, key }) => ({
        name,
        default: name === DEFAULT_KEY,
        keyId: key.keyId,
        publicKey: base64url(key.publicKey),
        file,
      }));
      const lines = keys.map((key) => `${key.name.padEnd(12)} ${key.keyId}`);
      return { data: { keys }, text: lines.join("\n") || "no keys yet: rising-bsm keys new" };
    }),
  );
}

function exportCommand(run: Run): Command {
  return new Command("export")
    .description("print the public half of a key, to share")
    .argument("[name]", "name of a key in the configuration folder", "default")
    .option("-k, --key <file>", "export this key file instead")
    .option("-o, --out <file>", "write the public key to this file")
    .action(
      run(async (cli, name: string, options: { key?: string; out?: string }) => {
        const { keyPath, readKeyFile } = await import("../keys/key-file.ts");
        const { base64url } = await import("@rising-bsm/protocol");
        const key = await readKeyFile(
          options.key === undefined ? keyPath(cli.env, name) : resolve(cli.cwd, options.key),
        );
        const publicKey = base64url(key.publicKey);
        if (options.out === undefined)
          return { data: { keyId: key.keyId, publicKey }, text: publicKey };
        const file = resolve(cli.cwd, options.out);
        const { writeFileAtomic } = await import("../write-file.ts");
        await writeFileAtomic(file, `${publicKey}\n`);
        return { data: { keyId: key.keyId, publicKey, file }, text: relative(cli.cwd, file) };
      }),
    );
}

function enrollCommand(run: Run): Command {
  return new Command("enroll")
    .description("register a key with your publisher account, proving that you hold it")
    .argument("[name]", "name of a key in the configuration folder", "default")
    .option("-k, --key <file>", "enroll this key file instead")
    .option("--recovery <file>", "commit to this recovery key (a key file or its public half)")
    .option("--vouched-by <key>", "name or file of an enrolled key that signs for the new one")
    .option("--publisher <name>", "the publisher, when the token is an administrator's")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, name: string, options: EnrollOptions) => {
        const { enroll } = await import("../keys/enroll-key.ts");
        return await enroll(cli, name, options);
      }),
    );
}

function rotateCommand(run: Run): Command {
  return new Command("rotate")
    .description("replace a key by a new one that it vouches for; run it again if interrupted")
    .argument("[name]", "name of a key in the configuration folder", "default")
    .option("-k, --key <file>", "replace the key of this file instead")
    .option("--publisher <name>", "the publisher, when the token is an administrator's")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, name: string, options: RotateOptions) => {
        const { rotate } = await import("../keys/rotate-key.ts");
        return await rotate(cli, name, options);
      }),
    );
}

function revokeCommand(run: Run): Command {
  return new Command("revoke")
    .description(
      "end what a key signs for; what it signed before that place in the log stays valid",
    )
    .argument("<key>", "key id, public key or file of the key to revoke")
    .option(
      "-k, --key <key>",
      "name or file of the key that signs the revocation (default: `default`)",
    )
    .option(
      "--from-index <n>",
      "the first entry of the log that does not count (default: the next)",
    )
    .option("--reason <text>", "for the marketplace's records; it is not published")
    .option("--publisher <name>", "the publisher, when the token is an administrator's")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, pin: string, options: RevokeOptions) => {
        const { revoke } = await import("../keys/revoke-key.ts");
        return await revoke(cli, pin, options);
      }),
    );
}

function recoverCommand(run: Run): Command {
  return new Command("recover")
    .description("replace lost or stolen keys by a new one; run it again if interrupted")
    .argument("[name]", "name of the new key in the configuration folder", "default")
    .requiredOption("--recovery-key <file>", "the recovery key that `keys new` made")
    .option("-k, --key <file>", "write the new key to this file instead")
    .option(
      "--from-index <n>",
      "the first entry of the log that the old keys do not count for (default: the next)",
    )
    .option("--publisher <name>", "the publisher, when the token is an administrator's")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, name: string, options: RecoverOptions) => {
        const { recover } = await import("../keys/recover-keys.ts");
        return await recover(cli, name, options);
      }),
    );
}
