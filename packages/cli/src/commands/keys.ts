import { relative, resolve } from "node:path";
import { Command } from "commander";
import type { Cli, DefineCommand, Run } from "../command.ts";
import type { Report } from "../report.ts";

/** `keys`: the publisher's signing keys. Seeds stay in their files and are never printed. */
export const keysCommand: DefineCommand = (run) =>
  new Command("keys")
    .description("make, list, export and enroll signing keys")
    .addCommand(newCommand(run))
    .addCommand(listCommand(run))
    .addCommand(exportCommand(run))
    .addCommand(enrollCommand(run));

function newCommand(run: Run): Command {
  return new Command("new")
    .description("make an Ed25519 signing key")
    .option(
      "-n, --name <name>",
      "its name in the configuration folder; `default` signs builds",
      "default",
    )
    .option("-o, --out <file>", "write it to this file instead")
    .action(
      run(async (cli, options: { name: string; out?: string }) => {
        const { createKeyFile, keyPath } = await import("../keys/key-file.ts");
        const file =
          options.out === undefined
            ? keyPath(cli.env, options.name)
            : resolve(cli.cwd, options.out);
        const key = await createKeyFile(file);
        const { base64url } = await import("@rising-bsm/protocol");
        const data = { keyId: key.keyId, publicKey: base64url(key.publicKey), file };
        return {
          data,
          text: `key ${data.keyId}\n  public ${data.publicKey}\n  file   ${file} (mode 0600: back it up, never publish it)`,
        };
      }),
    );
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

interface EnrollOptions {
  readonly key?: string;
  readonly recovery?: string;
  readonly publisher?: string;
  readonly url?: string;
}

function enrollCommand(run: Run): Command {
  return new Command("enroll")
    .description("register a key with your publisher account, proving that you hold it")
    .argument("[name]", "name of a key in the configuration folder", "default")
    .option("-k, --key <file>", "enroll this key file instead")
    .option("--recovery <file>", "commit to this recovery key (a key file or its public half)")
    .option("--publisher <name>", "the publisher, when the token is an administrator's")
    .option("--url <url>", "the marketplace")
    .action(run(enroll));
}

async function enroll(cli: Cli, name: string, options: EnrollOptions): Promise<Report> {
  const { keyPath, pinnedKeyId, readKeyFile } = await import("../keys/key-file.ts");
  const { enrollKey } = await import("../marketplace/enroll-key.ts");
  const { requireToken, resolveTarget } = await import("../marketplace/credentials.ts");
  const key = await readKeyFile(
    options.key === undefined ? keyPath(cli.env, name) : resolve(cli.cwd, options.key),
  );
  const target = requireToken(await resolveTarget(cli, options.url));
  const recoveryHash =
    options.recovery === undefined ? undefined : await pinnedKeyId(options.recovery);
  const { publisher } = options;
  const answer = await enrollKey({ ...target, signal: cli.signal }, key, {
    publisher,
    recoveryHash,
  });
  return {
    data: { keyId: answer.keyId, url: target.url },
    text: `enrolled ${answer.keyId} at ${target.url}`,
  };
}
