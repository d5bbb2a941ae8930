import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readSections, typeCommand, typeStep } from "../documented-commands.ts";
import type { Ran } from "../documented-commands.ts";

/** Six random words, as the runbook has it. */
const PASSPHRASE = "correct horse battery staple anew today";

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
      .replace(/npm run (log-recover|catalog-check|search) --/, "node scripts/$1.ts")
      .replaceAll("npx wrangler", "wrangler")
      // What the pause waits for at Cloudflare is at once true here.
      .replace(/^sleep \d+$/, "true");
    const ended = typeCommand(line, {
      cwd: dir,
      env: { URL: marketplace.url, ...env },
      answers: answersTo(command, marketplace.adminToken()),
    });
    const { signal, done } = waitFor(ended);
    await Promise.all([done, deliverSecrets(dir, marketplace.setSecrets, signal)]);
    return { command, ...(await ended) };
  }

  async function hold(section: string, { env, after }: Holding = {}): Promise<Ran[]> {
    held.add(section);
    const all: Ran[] = [];
    const variables = { ...env };
    const commands = (sections.get(section) ?? []).flatMap((block) => block.commands);
    for (const command of commands) {
      const ran = await typeStep(command, variables, run);
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

/** What a person types: a passphrase twice for a new key, `yes` before a signature. */
function answersTo(line: string, adminToken: string): string {
  if (line.startsWith("npm run deploy")) return `${adminToken}\n`;
  if (line.includes("root.ts keygen")) return `${PASSPHRASE}\n${PASSPHRASE}\n`;
  if (line.includes("root.ts check-key")) return `${PASSPHRASE}\n`;
  return line.includes("root.ts sign") ? `yes\n${PASSPHRASE}\n` : "";
}
