import {
  base64,
  encodeLogEntry,
  fromBase64,
  RELEASE_PAYLOAD_TYPE,
  type ReleaseStatement,
  sha256Hex,
  signEnvelope,
  signRelease,
  utf8,
  utf8Decode,
} from "../../packages/protocol/src/index.ts";
import { keyOf } from "./seeds.ts";

const statement: ReleaseStatement = {
  type: "https://rising-bsm.com/release/v1",
  plugin: "@acme/hello",
  version: "1.2.3",
  bundleSha256: "11".repeat(32),
  size: 4096,
  treeDigest: `h1:${base64(new Uint8Array(32).fill(0x22))}`,
  publisherKeyId: "33".repeat(32),
  seq: 7,
  publishedAt: "2026-01-02T03:04:05.678Z",
  review: { verdict: "passed", policy: "open" },
};

/** Vectors of docs/spec/release-statement.md. */
export async function releaseStatementVectors() {
  const { key, shown } = await keyOf(2);
  const envelope = await signRelease(statement, key);
  const digest = await sha256Hex(fromBase64(envelope.payload));
  const { plugin, version } = statement;
  const signed = (change: object) =>
    signEnvelope(RELEASE_PAYLOAD_TYPE, utf8(JSON.stringify({ ...statement, ...change })), key);
  const [signature] = envelope.signatures;
  return {
    key: shown,
    statement,
    payload: utf8Decode(fromBase64(envelope.payload)),
    envelope,
    logEntry: utf8Decode(encodeLogEntry({ type: "release", plugin, version, statement: digest })),
    refused: [
      { name: "another plugin", envelope: await signed({ plugin: "@acme/other" }) },
      { name: "another version", envelope: await signed({ version: "1.2.4" }) },
      { name: "an unknown member", envelope: await signed({ note: "x" }) },
      { name: "a member missing", envelope: await signed({ seq: undefined }) },
      { name: "a position of 0", envelope: await signed({ seq: 0 }) },
      { name: "a digest in upper case", envelope: await signed({ bundleSha256: "AB".repeat(32) }) },
      {
        name: "another payload type",
        envelope: await signEnvelope("application/json", utf8(JSON.stringify(statement)), key),
      },
      {
        name: "a payload that was not signed",
        envelope: { ...envelope, payload: base64(utf8(JSON.stringify({ ...statement, seq: 8 }))) },
      },
      {
        name: "a key that is not known",
        envelope: { ...envelope, signatures: [{ ...signature, keyid: "44".repeat(32) }] },
      },
      { name: "two signatures", envelope: { ...envelope, signatures: [signature, signature] } },
      { name: "no signature", envelope: { ...envelope, signatures: [] } },
      {
        name: "base64 without padding",
        envelope: { ...envelope, signatures: [{ ...signature, sig: signature.sig.slice(0, -2) }] },
      },
    ],
  };
}
