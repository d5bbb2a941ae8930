import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { readCrons } from "../scripts/read-crons.ts";

declare module "vitest" {
  interface ProvidedContext {
    ed25519Vectors: Record<string, string>;
    merkleVectors: Record<string, string>;
    tlogVectors: Record<string, string>;
    licensingModel: { runs: number; seed: number | null };
    crons: string[];
  }
}

const root = new URL("..", import.meta.url).pathname;
const vectors = new URL("../../shared/vectors/", import.meta.url).pathname;

/** Third-party signature vectors that lie beside the project; workerd has no file system to read them. */
function ed25519Vectors(): Record<string, string> {
  const folder = `${vectors}ed25519/`;
  const names = existsSync(folder) ? ["wycheproof", "cctv", "speccheck"] : [];
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(`${folder}${name}.json`, "utf8")]),
  );
}

/** The files below folders of such vectors, by path; none where they are not beside the project. */
function vectorFiles(encoding: "utf8" | "base64", ...folders: string[]): Record<string, string> {
  const files = folders
    .filter((folder) => existsSync(`${vectors}${folder}`))
    .flatMap((folder) =>
      readdirSync(`${vectors}${folder}`, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => `${entry.parentPath}/${entry.name}`),
    );
  return Object.fromEntries(
    files.map((file) => [file.slice(vectors.length), readFileSync(file, encoding)]),
  );
}

/** Secrets of the Worker under test: seeds of one repeated byte. */
const seed = (byte: number) => Buffer.alloc(32, byte).toString("base64url");
const testSecrets = {
  ADMIN_TOKEN: "admin-token-of-the-tests-0123456789",
  RELEASE_KEY: seed(1),
  LEASE_KEY: seed(2),
  SNAPSHOT_KEY: seed(3),
  TIMESTAMP_KEY: seed(4),
  DOWNLOAD_KEY: seed(5),
  CURSOR_KEY: seed(6),
  CATALOG_KEY: seed(7),
  LOG_KEY: seed(8),
  ISSUE_KEY: seed(9),
};

/** They hold CPU, memory and time of child processes against limits: beside nothing but each other. */
const MEASURED = [
  "host-sdk/{broker,lifecycle,runner,runtime,testing}/**/*.test.ts",
  "packages/cli/src/{doctor,run}/**/*.test.ts",
];

const workersPlugin = cloudflareTest(async () => ({
  wrangler: { configPath: `${root}wrangler.toml` },
  miniflare: {
    bindings: {
      ...testSecrets,
      REVIEW_POLICY: "open",
      POINTER_INTERVAL_MS: "0",
      DB_MIGRATIONS: await readD1Migrations(`${root}migrations/db`),
      SEARCH_MIGRATIONS: await readD1Migrations(`${root}migrations/search`),
    },
  },
}));

export default defineConfig({
  root,
  test: {
    provide: {
      ed25519Vectors: ed25519Vectors(),
      merkleVectors: vectorFiles("utf8", "merkle/inclusion", "merkle/consistency"),
      tlogVectors: vectorFiles("base64", "tlog"),
      licensingModel: {
        runs: Number(process.env["RBSM_MODEL_RUNS"] ?? 20),
        seed: Number(process.env["RBSM_MODEL_SEED"]) || null,
      },
      crons: readCrons(`${root}wrangler.toml`),
    },
    silent: "passed-only",
    // Real processes on a busy machine: what fails is tried once more, and named at the end if it then passes.
    retry: 1,
    coverage: {
      provider: "istanbul",
      include: ["packages/*/src/**/*.ts", "host-sdk/**/*.ts", "workers/**/*.{ts,tsx}"],
      // The runner is exercised as the built file inside child processes, where nothing counts lines.
      exclude: ["**/*.test.{ts,tsx}", "**/*.d.ts", "host-sdk/runner/**", "host-sdk/builtin/**"],
      thresholds: {
        "packages/protocol/src/**": { statements: 100, branches: 100, functions: 100, lines: 100 },
        "host-sdk/**": { lines: 90 },
        "workers/**": { lines: 90 },
      },
    },
    projects: [
      {
        test: {
          name: "node",
          root,
          environment: "node",
          pool: "forks",
          include: [
            "packages/**/*.test.ts",
            "host-sdk/**/*.test.ts",
            "examples/**/*.test.ts",
            "scripts/**/*.test.ts",
          ],
          exclude: MEASURED,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "runtime",
          root,
          environment: "node",
          pool: "forks",
          include: MEASURED,
          // They wait for a process as long as they keep one busy.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [workersPlugin],
        test: {
          name: "workers",
          root,
          globalSetup: "tests/webhook-receiver.ts",
          // Files share a workerd; there are two of them, each with databases of its own.
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          include: [
            "workers/**/*.test.{ts,tsx}",
            "packages/protocol/src/**/*.test.ts",
            "tests/licensing-model/*.test.ts",
          ],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "flows",
          root,
          environment: "node",
          pool: "forks",
          include: ["tests/*.test.ts", "tests/{apps,e2e,next,site}/*.test.ts"],
          // They wait for processes and for workerd more than they compute.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          // What measures: one after the other.
          name: "hostile",
          root,
          environment: "node",
          pool: "forks",
          fileParallelism: false,
          include: ["tests/{hostile,soak}/*.test.ts"],
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
