import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hostStoreContract } from "./host-store.contract.ts";
import { createSqliteStore } from "./sqlite-store.ts";

const folder = mkdtempSync(join(tmpdir(), "rbsm-store-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
const newFile = (): string => join(folder, `${(files += 1)}.sqlite`);

hostStoreContract("createSqliteStore()", async () => createSqliteStore(newFile()));

test("createSqliteStore() finds the rows of the process before it", async () => {
  const file = newFile();
  const first = createSqliteStore(file);
  const version = await first.commit([{ kind: "k", key: "a", value: { n: 1 } }]);
  await first.close();
  const second = createSqliteStore(file);
  expect(await second.get("k", "a")).toEqual({ key: "a", value: { n: 1 }, version });
  expect(await second.commit([{ kind: "k", key: "a", value: 2 }])).toBeGreaterThan(version);
  await second.close();
});

test("createSqliteStore() makes its folder, and only its owner reads what is in it", async () => {
  const inside = join(folder, "not", "there", "yet");
  const file = join(inside, "host.sqlite");
  const modesOf = () => ["", "-wal", "-shm"].map((end) => statSync(file + end).mode & 0o777);
  const first = createSqliteStore(file);
  await first.commit([{ kind: "k", key: "a", value: 1 }]);
  expect(statSync(inside).mode & 0o777).toBe(0o700);
  expect(modesOf()).toEqual([0o600, 0o600, 0o600]);
  await first.close();
  chmodSync(file, 0o644);
  const second = createSqliteStore(file);
  await second.commit([{ kind: "k", key: "a", value: 2 }]);
  expect(modesOf()).toEqual([0o600, 0o600, 0o600]);
  await second.close();
});

test("createSqliteStore() keeps answered commits when the process is killed", async () => {
  const file = newFile();
  const writer = startWriter(file, "exec");
  await writer.untilCommits(20);
  writer.child.kill("SIGKILL");
  await writer.ended;
  await expectLastAnswered(file, writer.answered());
});

test("createSqliteStore() sees what another connection commits", async () => {
  const file = newFile();
  const mine = createSqliteStore(file);
  const other = createSqliteStore(file);
  const version = await mine.commit([{ kind: "k", key: "a", value: 1 }]);
  expect((await other.get("k", "a"))?.value).toBe(1);
  await other.commit([{ kind: "k", key: "a", value: 2, ifVersion: version }]);
  await expect(
    mine.commit([{ kind: "k", key: "a", value: 3, ifVersion: version }]),
  ).rejects.toMatchObject({ code: "conflict_row_version" });
  await mine.close();
  await other.close();
});

test("createSqliteStore() answers disk_full and keeps what was stored before", async () => {
  const file = newFile();
  // A file size limit of 512 KiB stands for the full disk; without the trap it would be a signal.
  const writer = startWriter(file, "trap '' XFSZ; ulimit -f 512; exec");
  await writer.ended;
  expect(writer.output()).toContain("refused disk_full");
  await expectLastAnswered(file, writer.answered());
});

test("createSqliteStore() refuses a file that is not a database", () => {
  const file = newFile();
  writeFileSync(file, "not a database, but long enough to be one ".repeat(40));
  expect(() => createSqliteStore(file)).toThrow(expect.objectContaining({ code: "internal" }));
});

/** A process that commits an ever higher number to two rows and prints each number once answered. */
function startWriter(file: string, shell: string) {
  const source = new URL("sqlite-store.ts", import.meta.url).pathname;
  const program = join(folder, "writer.mjs");
  writeFileSync(
    program,
    `import { createSqliteStore } from ${JSON.stringify(source)};
    const store = createSqliteStore(${JSON.stringify(file)});
    const filler = "x".repeat(20_000);
    try {
      for (let n = 1; ; n += 1) {
        await store.commit([
          { kind: "k", key: "a", value: n },
          { kind: "k", key: "b", value: n },
          { kind: "k", key: "filler" + n, value: filler },
        ]);
        process.stdout.write("answered " + n + "\\n");
      }
    } catch (error) {
      process.stdout.write("refused " + error.code + "\\n");
    }`,
  );
  const child = spawn("/bin/sh", ["-c", `${shell} "$0" "$1"`, process.execPath, program]);
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  const ended = once(child, "close");
  const answered = (): number => [...output.matchAll(/answered (\d+)\n/g)].length;
  return {
    child,
    ended,
    answered,
    output: () => output,
    async untilCommits(count: number): Promise<void> {
      while (answered() < count && child.exitCode === null)
        await Promise.race([once(child.stdout, "data"), ended]);
    },
  };
}

async function expectLastAnswered(file: string, answered: number): Promise<void> {
  const store = createSqliteStore(file);
  const a = (await store.get("k", "a"))?.value;
  expect(answered).toBeGreaterThan(0);
  expect(a).toBeGreaterThanOrEqual(answered);
  expect((await store.get("k", "b"))?.value).toBe(a);
  expect(await store.list("k", { prefix: "filler" })).toHaveLength(Number(a));
  await store.close();
}
