import { z } from "zod";
import { RbsmError, isErrorCode } from "@rising-bsm/protocol";
import { QUIET_ENV, run } from "../processes.ts";
import type { Accounts } from "./accounts.ts";
import type { Marketplace } from "./launch.ts";
import { readDemo, writeWhole, type demoPaths, type Demo } from "./state.ts";

const Failure = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** Runs the real `rising-bsm` with `--json` and returns the object that it printed. */
export async function runCli(
  args: readonly string[],
  accounts: Accounts,
  url: string,
): Promise<unknown> {
  const env = { ...QUIET_ENV, RISING_BSM_URL: url, RISING_BSM_TOKEN: accounts.publisherToken };
  const { code, stdout, output } = await run("rising-bsm", [...args, "--json"], env);
  if (code === 0) return JSON.parse(stdout);
  const failure = stdout === "" ? null : Failure.safeParse(JSON.parse(stdout));
  if (failure?.success !== true)
    throw new RbsmError("internal", `rising-bsm ${args.join(" ")}\n${output}`);
  const { code: failed, message } = failure.data.error;
  throw new RbsmError(
    isErrorCode(failed) ? failed : "internal",
    `rising-bsm ${args[0]}: ${message}`,
  );
}

/** Merges what is known by now into `.rbsm/demo.json`. */
export async function rememberDemo(
  paths: ReturnType<typeof demoPaths>,
  news: {
    marketplace: Marketplace;
    accounts: Accounts;
    host?: string;
    licenseKeys?: Record<string, string>;
  },
): Promise<void> {
  const known = await readDemo(paths.demoFile);
  const demo: Demo = {
    marketplace: news.marketplace.url,
    host: news.host ?? known?.host ?? "",
    adminToken: news.marketplace.adminToken,
    publisherToken: news.accounts.publisherToken,
    publisherKeyFile: news.accounts.keyFile,
    rootFile: paths.rootFile,
    licenseKeys: { ...known?.licenseKeys, ...news.licenseKeys },
  };
  await writeWhole(paths.demoFile, `${JSON.stringify(demo, null, 2)}\n`);
}
