import { randomBytes } from "node:crypto";
import { createTestHarness } from "wrangler";

/** Random secrets in the shape that workers/env.ts asks for. */
export function randomSecrets(): Record<string, string> {
  const seeds = [
    "RELEASE_KEY",
    "LEASE_KEY",
    "SNAPSHOT_KEY",
    "TIMESTAMP_KEY",
    "CATALOG_KEY",
    "LOG_KEY",
    "DOWNLOAD_KEY",
    "CURSOR_KEY",
    "ISSUE_KEY",
  ];
  return Object.fromEntries(
    ["ADMIN_TOKEN", ...seeds].map((name) => [name, randomBytes(32).toString("base64url")]),
  );
}

export type LocalWorker = Awaited<ReturnType<typeof startLocalWorker>>;

/** The same behind another entry point: its configuration is written here, as `[alias]` is in the file. */
export async function startWorkerOf(
  main: string,
  secrets: Record<string, string>,
): Promise<LocalWorker> {
  const database = (name: string, folder: string) => ({
    binding: name,
    database_name: name.toLowerCase(),
    database_id: name.toLowerCase(),
    migrations_dir: `migrations/${folder}`,
  });
  const harness = createTestHarness({
    workers: [
      {
        config: {
          name: "marketplace",
          main,
          compatibility_date: "2026-10-01",
          compatibility_flags: ["nodejs_compat"],
          alias: { zod: "./workers/zod/index.js", minimatch: "./workers/trust/no-minimatch.ts" },
          vars: {
            ...secrets,
            REVIEW_POLICY: "open",
            LOG_ORIGIN: "rising-bsm.com/log",
            POINTER_INTERVAL_MS: "0",
          },
          d1_databases: [database("DB", "db"), database("SEARCH", "search")],
          r2_buckets: ["BUNDLES", "PRIVATE"].map((binding) => ({
            binding,
            bucket_name: binding.toLowerCase(),
          })),
        },
      },
    ],
  });
  const { url } = await harness.listen();
  const marketplace = harness.getWorker();
  await marketplace.applyD1Migrations("DB");
  await marketplace.applyD1Migrations("SEARCH");
  return { harness, url, marketplace };
}

/** The marketplace Worker in workerd with empty, migrated databases; `others` run beside it. */
export async function startLocalWorker(
  secrets: Record<string, string>,
  others: { name: string; main: string }[] = [],
) {
  const harness = createTestHarness({
    workers: [
      {
        configPath: "wrangler.toml",
        vars: { REVIEW_POLICY: "open", POINTER_INTERVAL_MS: "0" },
        secrets,
      },
      ...others.map(({ name, main }) => ({
        config: {
          name,
          main,
          compatibility_date: "2026-10-01",
          r2_buckets: [{ binding: "BUNDLES", bucket_name: `${name}-bundles` }],
          d1_databases: [{ binding: "DB", database_name: `${name}-db`, database_id: `${name}-db` }],
        },
      })),
    ],
  });
  const { url } = await harness.listen();
  const marketplace = harness.getWorker();
  await marketplace.applyD1Migrations("DB");
  await marketplace.applyD1Migrations("SEARCH");
  return { harness, url, marketplace };
}
