import { expect, test } from "vitest";
import * as protocol from "./index.ts";

const sha256 = "ab".repeat(32);
const publicKey = "A".repeat(43);

const document: protocol.PluginDocument = {
  type: "https://rising-bsm.com/plugin/v1",
  name: "@acme/hello",
  displayName: { en: "Hello", de: "Hallo" },
  publisher: {
    name: "acme",
    keys: [
      { keyId: sha256, publicKey, revokedFrom: 4 },
      { keyId: sha256, publicKey },
    ],
    recovery: sha256,
    statements: [],
  },
  channels: { latest: "1.0.0" },
  versions: [
    {
      version: "1.0.0",
      sha256,
      size: 1,
      treeDigest: `h1:${"A".repeat(43)}=`,
      publishedAt: "2026-01-02T03:04:05Z",
      status: "published",
      yanked: false,
      deprecated: { reason: "Use @acme/hi" },
      permissions: ["customers.view"],
      network: [],
      dependencies: {},
      engines: {},
      paid: false,
      bundle: protocol.bundlePath(sha256),
      logIndex: 0,
    },
  ],
};

test("a plugin's document parses, and members of the future are ignored", () => {
  expect(protocol.pluginDocumentSchema.parse({ ...document, future: 1 })).toEqual(document);
});

test.each([
  ["a bad digest", { sha256: "AB".repeat(32) }],
  ["a bad time", { publishedAt: "yesterday" }],
  ["a bad version", { version: "1" }],
  ["no place in the log", { logIndex: undefined }],
  ["a place before the log", { logIndex: -1 }],
])("a document with %s is refused", (_, change) => {
  const versions = [{ ...document.versions[0], ...change }];
  expect(protocol.pluginDocumentSchema.safeParse({ ...document, versions }).success).toBe(false);
});

test("service keys parse", () => {
  const window = { publicKey, from: "2026-01-01T00:00:00Z" };
  const keys = {
    release: [{ keyId: sha256, ...window }],
    lease: [{ kid: "2026-1", ...window, until: "2027-01-01T00:00:00Z" }],
    log: [{ origin: "rising-bsm.com/log", ...window }],
  };
  expect(protocol.serviceKeysSchema.parse(keys)).toEqual(keys);
  for (const origin of ["", "a b", "a+b", "a\nb"]) {
    const log = [{ origin, ...window }];
    expect(protocol.serviceKeysSchema.safeParse({ ...keys, log }).success).toBe(false);
  }
});

test("paths of the static plane", () => {
  expect(protocol.indexPath("@acme/hello")).toBe("/index/@acme/hello.json");
  expect(protocol.releasePath("@acme/hello", "1.0.0")).toBe(
    "/index/@acme/hello/1.0.0.release.json",
  );
  expect(protocol.documentPath("@acme/hello", sha256)).toBe(`/index/@acme/hello/${sha256}.json`);
  expect(protocol.proofPath("@acme/hello", "1.0.0")).toBe("/index/@acme/hello/1.0.0.tlog-proof");
  expect(protocol.bundlePath(sha256)).toBe(`/b/${sha256}.rbsm`);
});

test("every error has a status, a meaning and its exit-code prefix", () => {
  for (const [code, [status, meaning]] of Object.entries(protocol.ERRORS)) {
    expect(protocol.isErrorCode(code)).toBe(true);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(meaning).toMatch(/^[A-Z]/);
    expect(new protocol.RbsmError("internal").status).toBe(500);
  }
  expect(protocol.isErrorCode("toString")).toBe(false);
  expect(protocol.isErrorCode(5)).toBe(false);
});

test("an error carries its detail and cause", () => {
  const cause = new Error("cause");
  const error = new protocol.RbsmError("bundle_corrupt", "Broken", { entry: "a" }, cause);
  expect(error).toMatchObject({
    name: "RbsmError",
    message: "Broken",
    detail: { entry: "a" },
    cause,
    status: 422,
  });
  const bare = new protocol.RbsmError("bundle_corrupt");
  expect(bare.message).toBe(protocol.ERRORS.bundle_corrupt[1]);
  expect(bare.cause).toBeUndefined();
});
