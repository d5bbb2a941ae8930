import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Six random words, as the runbook has it. */
const PASSPHRASE = "correct horse battery staple anew today";

/** What a command printed, and how it ended. */
export interface Ran {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** What happens around the commands of a section. */
export interface Holding {
  readonly env?: Readonly<Record<string, string>>;
  /** Called after each command. */
  readonly after?: (ran: Ran) => Promise<void>;
}

/** The runbook at work in a folder of its own. */
export interface Runbook {
  readonly dir: string;
  /** Runs the commands below a heading as they are written; each has to succeed. */
  hold(section: string, holding?: Holding): Promise<Ran[]>;
  run(command: string, env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** Headings that `hold` has not been called with although there are commands below them. */
  unheld(): string[];
}

/**
 * Opens docs/runbook.md in `dir`. Commands run in a shell as a maintainer types them, questions are
 * answered through stdin, and the Worker at `url` is the marketplace: `wrangler` is a stand-in that
 * hands the secrets to `setSecrets` and waits until the Worker has them.
 */
export async function openRunbook(
  dir: string,
  marketplace: {
    url: string;
    adminToken: () => string;
    setSecrets: (secrets: Record<string, string>) => Promise<void>;
  },
): Promise<Runbook> {
  const sections = readSections(await readFile("docs/runbook.md", "utf8"));
  const held = new Set<string>();
  await mkdir(join(dir, "bin"), { recursive: true });
  await symlink(resolve("scripts"), join(dir, "scripts"));
  await copyFile("wrangler.toml", join(dir, "wrangler.toml"));
  await writeFile(join(dir, "bin", "wrangler"), WRANGLER);
  await chmod(join(dir, "bin", "wrangler"), 0o755);

  async function run(command: string, env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const line = command
      .replaceAll("npm run deploy --", `node scripts/deploy.ts --url ${marketplace.url}`)
      .replace(/npm run (log-recover|catalog-check) --/, "node scripts/$1.ts")
      .replaceAll("npx wrangler", "wrangler")
      // What the pause waits for at Cloudflare is at once true here.
      .replace(/^sleep \d+$/, "true");
    const ended = shell(dir, line, {
      env: { URL: marketplace.url, ...env },
      answers: answersTo(command, marketplace.adminToken()),
    });
    const { signal, done } = waitFor(ended);
    await Promise.all([done, deliverSecrets(dir, marketplace.setSecrets, signal)]);
    return { command, ...(await ended) };
  }

  /** A line that sets a variable sets it for the rest of the section. */
  async function step(command: string, variables: Record<string, string>): Promise<Ran> {
    const name = /^([A-Z]+)=/.exec(command)?.[1];
    if (name === undefined) return run(command, variables);
    const ran = await run(`${command} && printf %s "$${name}"`, variables);
    variables[name] = ran.stdout;
    return ran;
  }

  async function hold(section: string, { env, after }: Holding = {}): Promise<Ran[]> {
    held.add(section);
    const all: Ran[] = [];
    const variables = { ...env };
    for (const command of sections.get(section) ?? []) {
      const ran = await step(command, variables);
      if (ran.code !== 0) throw new Error(`${section}: ${command}\n${ran.output}`);
      all.push(ran);
      await after?.(ran);
    }
    if (all.length === 0) throw new Error(`The runbook has no commands below "${section}"`);
    return all;
  }

  const unheld = () => [...sections.keys()].filter((section) => !held.has(section));
  return { dir, hold, run, unheld };
}

/** Heading → commands of the `sh` blocks below it. */
function readSections(text: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  for (const part of text.split(/^##+ /m).slice(1)) {
    const heading = part.slice(0, part.indexOf("\n"));
    const blocks = [...part.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block ?? "");
    const commands = blocks.join("").split("\n").filter(Boolean);
    if (commands.length > 0) sections.set(heading, commands);
  }
  return sections;
}

/** Cloudflare's side of `npm run deploy`: everything is there, and secrets take effect at once. */
const WRANGLER = `#!/bin/sh
case "$*" in
  "d1 list --json") echo '[{"name":"rising-bsm-marketplace"},{"name":"rising-bsm-search"}]' ;;
  "secret bulk "*) cp "$3" bulk.tmp && mv bulk.tmp bulk.json; while [ -e bulk.json ]; do sleep 0.05; done ;;
  "secret put "*) test "$(wc -c)" -eq 44 ;;
esac
`;

async function deliverSecrets(
  dir: string,
  setSecrets: (secrets: Record<string, string>) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const file = join(dir, "bulk.json");
  while (!signal.aborted) {
    if (existsSync(file)) {
      await setSecrets(JSON.parse(await readFile(file, "utf8")));
      await rm(file);
    }
    await sleep(50);
  }
}

function waitFor(ended: Promise<unknown>): { signal: AbortSignal; done: Promise<void> } {
  const controller = new AbortController();
  const done = ended.then(
    () => controller.abort(),
    () => controller.abort(),
  );
  return { signal: controller.signal, done };
}

function shell(
  cwd: string,
  line: string,
  { env, answers }: { env: Readonly<Record<string, string>>; answers: string },
): Promise<Omit<Ran, "command">> {
  const PATH = `${join(cwd, "bin")}:${resolve("node_modules/.bin")}:${process.env["PATH"]}`;
  return new Promise((done, reject) => {
    const child = spawn("/bin/sh", ["-c", line], { cwd, env: { ...process.env, ...env, PATH } });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => done({ code: code ?? 1, stdout, output }));
    // A command that asks nothing has closed the pipe by then.
    child.stdin.on("error", () => undefined);
    child.stdin.end(answers);
  });
}

/** What a person types: a passphrase twice for a new key, `yes` before a signature. */
function answersTo(line: string, adminToken: string): string {
  if (line.startsWith("npm run deploy")) return `${adminToken}\n`;
  if (line.includes("root.ts keygen")) return `${PASSPHRASE}\n${PASSPHRASE}\n`;
  if (line.includes("root.ts check-key")) return `${PASSPHRASE}\n`;
  return line.includes("root.ts sign") ? `yes\n${PASSPHRASE}\n` : "";
}
