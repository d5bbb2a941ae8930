import { copyFile, cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { create } from "./create.ts";
import { checkKey, keygen } from "./keygen.ts";
import { revoke } from "./revoke.ts";
import { rotateOnline } from "./rotate-online.ts";
import { rotate } from "./rotate.ts";
import { sign } from "./sign.ts";
import type { Terminal } from "./terminal.ts";
import { verify } from "./verify.ts";

let dir: string;
let trust: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "rbsm-root-"));
  trust = join(dir, "trust");
  for (const name of ["alice", "bob", "carol"]) {
    await keygen([name, "--out", join(dir, "keys"), "--no-passphrase"], typing());
  }
  await create([trust, ...["alice", "bob", "carol"].flatMap((name) => ["--signer", pub(name)])]);
});
afterEach(() => rm(dir, { recursive: true }));

const pub = (name: string) => join(dir, "keys", `${name}.pub.json`);
const key = (name: string) => join(dir, "keys", `${name}.key.json`);

/** A person who types these lines. */
function typing(...lines: string[]): Terminal {
  return { show: () => undefined, ask: async () => lines.shift() ?? "", close: () => undefined };
}

const signAs = (name: string) => sign([trust, "--key", key(name), "--yes"], typing());

async function putInForce(...names: string[]): Promise<void> {
  for (const name of names) await signAs(name);
}

async function refusal(work: Promise<unknown>): Promise<unknown[]> {
  return work.then(
    () => [],
    (error) => [error.code, error.message],
  );
}

const TARGET = JSON.stringify({ length: 1, hashes: { sha256: "a".repeat(64) } });

const REVOCATION = {
  id: "A-1",
  match: { sha256: "a".repeat(64) },
  action: "disable",
  reason: "r",
  issuedAt: "2026-11-23T00:00:00Z",
};

/** Rewrites one file of the draft past the commands. */
async function tamper(file: string, edit: (text: string) => string): Promise<void> {
  const path = join(trust, "draft", file);
  const text = await readFile(path, "utf8");
  expect(edit(text)).not.toBe(text);
  await writeFile(path, edit(text));
}

describe("nobody signs a draft", () => {
  test.each([
    {
      what: "whose root gives targets another threshold",
      file: "root.json",
      edit: (text: string) => text.replace(/("targets": \{[^}]*"threshold": )2/, "$11"),
      refused: /root\.json" says more/,
    },
    {
      what: "whose root has a member that the words do not show",
      file: "root.json",
      edit: (text: string) => text.replace('"signed": {', '"signed": {"more": true,'),
      refused: /root\.json" says more/,
    },
    {
      what: "whose targets list a file that is not beside them",
      file: "targets.json",
      edit: (text: string) => text.replace('"targets": {', `"targets": {"more": ${TARGET},`),
      refused: /targets\.json" says more/,
    },
    {
      what: "whose files are not the ones that targets list",
      file: "revocations.json",
      edit: (text: string) => text.replace("[]", JSON.stringify([REVOCATION])),
      refused: /targets\.json" says more/,
    },
    {
      what: "that skips a version",
      file: "targets.json",
      edit: (text: string) => text.replace('"version": 1', '"version": 3'),
      refused: /version 3, and 1 is next/,
    },
  ])("$what", async ({ file, edit, refused }) => {
    await tamper(file, edit);
    const expected = ["trust_metadata_invalid", expect.stringMatching(refused)];
    expect(await refusal(signAs("alice"))).toEqual(expected);
    expect((await verify([trust])).ok).toBe(false);
  });

  test("when the answer is not yes", async () => {
    const asked = sign([trust, "--key", key("alice")], typing("y"));
    expect(await refusal(asked)).toEqual(["cancelled", "Nothing was signed"]);
  });

  test("with a stranger's key", async () => {
    await keygen(["eve", "--out", join(dir, "keys"), "--no-passphrase"], typing());
    expect(await refusal(signAs("eve"))).toEqual(["usage", expect.stringContaining("no signer's")]);
  });
});

test("two signatures of one signer are one", async () => {
  await putInForce("alice", "alice");
  expect(await verify([trust])).toMatchObject({ ok: false, data: { inForce: null } });
  await signAs("bob");
  expect(await verify([trust])).toMatchObject({ ok: true, data: { draft: null } });
});

test("a last signature that was interrupted is finished by signing again", async () => {
  await signAs("alice");
  const kept = join(dir, "kept");
  await cp(join(trust, "draft"), kept, { recursive: true });
  await signAs("bob");
  // As if it had stopped before, and after, targets.json came into force.
  for (const gone of [["targets.json"], []]) {
    await cp(kept, join(trust, "draft"), { recursive: true });
    for (const name of gone) await rm(join(trust, name));
    expect((await signAs("bob")).data["inForce"]).toBe(true);
    expect((await verify([trust])).ok).toBe(true);
    expect(await readdir(trust)).not.toContain("draft");
  }
});

test("what is written is its owner's alone, and never written over", async () => {
  for (const file of [key("alice"), join(trust, "secrets.json"), join(trust, "draft/root.json")]) {
    expect((await stat(file)).mode & 0o777, file).toBe(0o600);
  }
  const again = keygen(["alice", "--out", join(dir, "keys"), "--no-passphrase"], typing());
  expect(await refusal(again)).toEqual(["conflict_exists", expect.stringContaining("alice.key")]);
  await putInForce("alice", "bob");
  expect(await refusal(create([trust, "--signer", pub("alice"), "--threshold", "1"]))).toEqual([
    "conflict_exists",
    expect.stringContaining("trust already"),
  ]);
  // The secrets of the first ceremony may not be in the Worker yet.
  expect(await refusal(rotateOnline([trust, "timestamp"]))).toEqual([
    "conflict_exists",
    expect.stringContaining("secrets.json"),
  ]);
});

test("one change waits at a time", async () => {
  await putInForce("alice", "bob");
  await rotate([trust]);
  const second = refusal(revoke([trust, "--withdraw", "X"]));
  expect(await second).toEqual(["usage", expect.stringContaining(`no "X"`)]);
  expect(await refusal(rotate([trust]))).toEqual([
    "conflict_exists",
    expect.stringContaining("waits for signatures"),
  ]);
});

test("a root is signed by enough of the old signers, and of the new ones", async () => {
  await putInForce("alice", "bob");
  for (const name of ["dave", "erin"]) {
    await keygen([name, "--out", join(dir, "keys"), "--no-passphrase"], typing());
  }
  const leaving = ["--remove", "alice", "--remove", "bob"];
  await rotate([trust, ...leaving, "--add", pub("dave"), "--add", pub("erin")]);
  expect((await signAs("dave")).data["inForce"]).toBe(false);
  expect((await signAs("erin")).data["inForce"]).toBe(false);
  expect((await signAs("alice")).data["inForce"]).toBe(false);
  expect((await signAs("bob")).data["inForce"]).toBe(true);
});

test("a key under two names cannot sign twice", async () => {
  const json = JSON.parse(await readFile(pub("alice"), "utf8"));
  await writeFile(pub("alias"), JSON.stringify({ ...json, name: "alias" }));
  const twice = create([join(dir, "other"), "--signer", pub("alice"), "--signer", pub("alias")]);
  expect(await refusal(twice)).toEqual(["usage", expect.stringContaining("one key")]);
});

describe("what the holder of a ceremony has to know is asked for", () => {
  beforeEach(async () => {
    await putInForce("alice", "bob");
    await rm(join(trust, "secrets.json"));
  });

  test.each([
    [["release"], "--until-index"],
    [["log"], "--origin"],
    [["admin"], "no online key"],
    [[], "at least one key"],
  ])("rotate-online %j", async (keys, message) => {
    const refused = ["usage", expect.stringContaining(message)];
    expect(await refusal(rotateOnline([trust, ...keys]))).toEqual(refused);
    expect(await readdir(trust)).not.toContain("secrets.json");
  });

  test("a key that was not stolen counts on for a month", async () => {
    await rotateOnline([trust, "release", "lease", "--planned"]);
    const { release, lease } = JSON.parse(
      await readFile(join(trust, "draft", "service-keys.json"), "utf8"),
    );
    for (const [old, next] of [release, lease]) {
      const days = (Date.parse(old.until) - Date.now()) / 86_400_000;
      expect(days).toBeCloseTo(30, 1);
      expect(next.until).toBeUndefined();
    }
  });

  const revocation = ["--id", "A-1", "--action", "disable", "--reason", "r"];
  test.each([
    [["--plugin", "@a/b", "--versions", "all"], "semver range"],
    [["--plugin", "b", "--versions", "*"], "plugin:"],
    [["--sha256", "12"], "sha256:"],
    [["--publisher-key", "a".repeat(64)], "--from-index"],
    [["--sha256", "a".repeat(64), "--plugin", "@a/b", "--versions", "*"], "Name one of"],
  ])("revoke %j", async (match, message) => {
    const refused = ["usage", expect.stringContaining(message)];
    expect(await refusal(revoke([trust, ...revocation, ...match]))).toEqual(refused);
  });
});

test(
  "a sealed key opens with its passphrase alone, on a copy too, and not under another key's name",
  { timeout: 60_000 },
  async () => {
    const words = "six random words of the diceware";
    const out = join(dir, "sealed");
    await keygen(["dave", "--out", out], typing(words, words));
    const file = join(out, "dave.key.json");
    const copy = join(dir, "copy.key.json");
    await copyFile(file, copy);
    const { data } = await checkKey([copy], typing(words));
    expect(data["keyId"]).toBe(
      JSON.parse(await readFile(join(out, "dave.pub.json"), "utf8")).keyId,
    );
    expect(await refusal(checkKey([file], typing("other words")))).toEqual([
      "usage",
      expect.stringContaining("does not open"),
    ]);
    const json = JSON.parse(await readFile(file, "utf8"));
    const { publicKey } = JSON.parse(await readFile(pub("alice"), "utf8"));
    await writeFile(file, JSON.stringify({ ...json, publicKey }));
    expect((await refusal(checkKey([file], typing(words))))[0]).toBe("usage");
    expect(await refusal(keygen(["erin", "--out", out], typing("short", "short")))).toEqual([
      "usage",
      "The passphrase is too short",
    ]);
  },
);
