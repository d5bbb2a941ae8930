import { describe, expect, test } from "vitest";
import { utf8 } from "./encoding.ts";
import { keyThumbprint, publicJwk, signJws } from "./jws.ts";
import { signingKeyFromSeed } from "./keys.ts";
import { OFFLINE_LIMITS } from "./limits.ts";
import {
  isAnswerPath,
  OFFLINE_REQUEST_TYP,
  type OfflineRequest,
  parseOfflineAnswer,
  parseOfflineRequest,
  signOfflineRequest,
  verifyOfflineRequest,
} from "./offline-files.ts";
import { PROOF_TYP } from "./tokens.ts";

const key = await signingKeyFromSeed(new Uint8Array(32).fill(9));
const REFUSED = expect.objectContaining({ name: "RbsmError", code: "license_file_invalid" });

const REQUEST: OfflineRequest = {
  plugin: "@acme/hello",
  license: { activationId: "activation-1", seq: 3, lease: "x".repeat(8_000) },
  rid: "request-1",
  nonce: "nonce-1",
  iat: 1_767_323_045,
  engines: { runtime: "1.0.0" },
  tuf: { root: 1, timestamp: 40 },
  logs: [{ origin: "log.example/1", size: 300 }],
};

describe("a request", () => {
  test("verifies with what was signed and by whom, also with the longest lease", async () => {
    const file = await signOfflineRequest(REQUEST, key);
    const read = parseOfflineRequest(utf8(JSON.stringify(file)));
    expect(await verifyOfflineRequest(read)).toEqual({
      request: REQUEST,
      publicKey: key.publicKey,
      instanceKeyJkt: await keyThumbprint(key.publicKey),
    });
  });

  test.each([
    ["version", { version: "" }],
    ["version", { version: "1".repeat(300) }],
    ["license", { license: { key: "x".repeat(101) } }],
  ])("that cannot be made says what is wrong: %s", async (what, change) => {
    await expect(signOfflineRequest({ ...REQUEST, ...change }, key)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(what),
    });
  });

  test("is refused by another key, as another kind of token, and with more than it says", async () => {
    const other = await signingKeyFromSeed(new Uint8Array(32).fill(8));
    const jwk = publicJwk(key.publicKey);
    const claims: object = { ...REQUEST, license: { key: "RBSM-…" } };
    for (const [header, content, signer] of [
      [{ typ: OFFLINE_REQUEST_TYP, jwk }, claims, other],
      [{ typ: PROOF_TYP, jwk }, claims, key],
      [{ typ: OFFLINE_REQUEST_TYP, jwk, kid: "x" }, claims, key],
      [{ typ: OFFLINE_REQUEST_TYP, jwk }, { ...claims, more: 1 }, key],
      [{ typ: OFFLINE_REQUEST_TYP, jwk }, { ...claims, license: {} }, key],
    ] as const) {
      const request = await signJws(header, content, signer);
      const file = { format: "rbsm-license-request/1", request } as const;
      await expect(verifyOfflineRequest(file)).rejects.toEqual(REFUSED);
    }
  });

  test.each([
    ["no JSON", "hello"],
    ["another format", JSON.stringify({ format: "rbsm-license-request/2", request: "a.b.c" })],
    ["a member more", JSON.stringify({ format: "rbsm-license-request/1", request: "a", x: 1 })],
    ["a member twice", '{"format":"rbsm-license-request/1","request":"a","request":"b"}'],
    ["too much", " ".repeat(OFFLINE_LIMITS.requestBytes + 1)],
  ])("%s is no request file", (_what, text) => {
    expect(() => parseOfflineRequest(text)).toThrow(REFUSED);
  });
});

describe("an answer", () => {
  const answer = {
    format: "rbsm-license-answer/1",
    plugin: "@acme/hello",
    version: "1.0.0",
    instanceId: "instance-1",
    activationId: "activation-1",
    lease: "a.b.c",
  };

  test("is read when it says exactly what it should", () => {
    expect(parseOfflineAnswer(utf8(JSON.stringify(answer)))).toEqual(answer);
    for (const change of [{ more: 1 }, { lease: "" }, { plugin: "hello" }, { format: "x" }]) {
      const text = utf8(JSON.stringify({ ...answer, ...change }));
      expect(() => parseOfflineAnswer(text)).toThrow(REFUSED);
    }
  });

  test("holds files of a marketplace, and no others", () => {
    const inside = ["tuf/timestamp.json", "index/@a/b/1.0.0.release.json", "b/x.rbsm"];
    expect(inside.every(isAnswerPath)).toBe(true);
    expect(["license/answer.json", "tuf", "bin/sh", "x/tuf/y"].some(isAnswerPath)).toBe(false);
  });
});
