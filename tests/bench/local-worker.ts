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
