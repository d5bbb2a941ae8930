/**
 * `npm start`: the whole thing on one machine, loopback only. Starts the marketplace, makes demo keys
 * by the ceremony a maintainer uses, publishes every plugin under examples/ with the real CLI over
 * HTTP, starts the reference host, installs and calls plugins, runs the marketplace's crons, prints the
 * URLs and keeps serving and running crons. `--once` ends before that, with one JSON object as the last
 * line; `--fresh` forgets earlier starts.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { RbsmError } from "@rising-bsm/protocol";
import { createAccounts } from "./demo/accounts.ts";
import { keepRunningCrons, runCrons } from "./demo/crons.ts";
import { installAndCall } from "./demo/host.ts";
import { startHost, startMarketplace } from "./demo/launch.ts";
import { publishExamples } from "./demo/publish.ts";
import { Services, requireFreePort } from "./demo/services.ts";
import { demoPaths, prepareState } from "./demo/state.ts";
import { requireNode24 } from "./processes.ts";

requireNode24();
const { values } = parseArgs({
  options: { once: { type: "boolean" }, fresh: { type: "boolean" } },
});
const startedAt = Date.now();

/** Progress goes to stderr with `--once`, whose stdout is for its JSON alone. */
function say(text: string): void {
  const line = `${((Date.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${text}`;
  if (values.once === true) console.error(line);
  else console.log(line);
}

const stateDir = resolve(process.env["RBSM_STATE_DIR"] ?? ".rbsm");
const paths = demoPaths(stateDir);
const marketplacePort = Number(process.env["MARKETPLACE_PORT"] ?? 8787);
const hostPort = Number(process.env["HOST_PORT"] ?? 8788);
const services = new Services();
const ending = new AbortController();

async function start() {
  await requireFreePort(marketplacePort, "MARKETPLACE_PORT");
  await requireFreePort(hostPort, "HOST_PORT");
  await prepareState(stateDir, values.fresh === true);
  const marketplace = await startMarketplace({ services, paths, port: marketplacePort, say });
  const accounts = await createAccounts({ marketplace, paths, say });
  const published = await publishExamples({ marketplace, accounts, paths, say });
  const hostUrl = await startHost({
    services,
    paths,
    port: hostPort,
    marketplace: marketplace.url,
    say,
  });
  const { installed, calls } = await installAndCall({
    hostUrl,
    marketplace,
    accounts,
    published,
    paths,
    say,
  });
  await runCrons({ marketplace, paths });
  say("Crons: each has run once");
  return {
    marketplace: marketplace.url,
    host: hostUrl,
    published: published.length,
    installed,
    calls,
  };
}

/** The start ends when npm, its parent, does: nobody is left who could stop it. */
function endWithParent(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), 500).unref();
}

async function finish(code: number): Promise<never> {
  ending.abort();
  await services.close();
  process.exit(code);
}

process.once("SIGINT", () => void finish(130));
process.once("SIGTERM", () => void finish(143));
endWithParent(() => void finish(1));

try {
  const summary = await start();
  if (values.once === true) {
    await services.close();
    process.stdout.write(`${JSON.stringify({ ...summary, ok: true })}\n`, () => process.exit(0));
  } else {
    say(`Marketplace  ${summary.marketplace}`);
    say(`Host         ${summary.host}`);
    say(`Keys, tokens and licenses are in ${join(stateDir, "demo.json")}. Ctrl-C ends both.`);
    void keepRunningCrons({ marketplace: { url: summary.marketplace }, paths, say }, ending.signal);
  }
} catch (error) {
  const known =
    error instanceof RbsmError ? error : new RbsmError("internal", String(error), {}, error);
  console.error(`${known.code}: ${known.message}`);
  if (known.detail.fix !== undefined) console.error(`  ${known.detail.fix}`);
  if (known.code === "internal") console.error(error);
  if (values.once === true)
    console.log(
      JSON.stringify({
        ok: false,
        error: { code: known.code, message: known.message, fix: known.detail.fix },
      }),
    );
  await finish(1);
}
