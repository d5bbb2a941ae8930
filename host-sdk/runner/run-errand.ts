import { createHash, createHmac } from "node:crypto";
import type { Errand, ErrandAnswer, ErrandName } from "./prelude/errands.ts";

/**
 * What the isolate has done in this process while its own thread waits. Nothing is kept, and nothing
 * is thrown: an error would carry paths of this machine. Bytes that go back lie in a buffer of their
 * own, because the whole buffer crosses.
 */
export const runErrand: Errand = (...[name, first, second, bytes]) => {
  try {
    return ERRANDS[name](first, second, bytes);
  } catch {
    return null;
  }
};

const ERRANDS: Record<
  ErrandName,
  (first: string, second: string, bytes: Uint8Array) => ErrandAnswer
> = {
  parseUrl: (url, base) => partsOf(new URL(url, base === "" ? undefined : base)),
  setUrlPart(href, keyAndValue) {
    const url = new URL(href);
    const [key, ...value] = keyAndValue.split("=");
    Reflect.set(url, key ?? "", value.join("="));
    return partsOf(url);
  },
  encodeUtf8: (text) => new TextEncoder().encode(text),
  findEncoding: (label) => new TextDecoder(label).encoding,
  decodeText: (label, fatal, bytes) =>
    new TextDecoder(label, { fatal: fatal !== "", ignoreBOM: true }).decode(bytes),
  toBase64: (_, __, bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
  fromBase64: (text) => new Uint8Array(Buffer.from(text, "base64")),
  digest: (name, _, bytes) => new Uint8Array(createHash(name).update(bytes).digest()),
  hmac(name, keyLength, bytes) {
    const at = Number(keyLength);
    const mac = createHmac(name, bytes.subarray(0, at)).update(bytes.subarray(at));
    return new Uint8Array(mac.digest());
  },
};

/** What a URL object answers, in the order in which the prelude reads it. No part has a line break. */
function partsOf({
  href,
  origin,
  protocol,
  username,
  password,
  host,
  hostname,
  port,
  pathname,
  search,
  hash,
}: URL): string {
  return [
    href,
    origin,
    protocol,
    username,
    password,
    host,
    hostname,
    port,
    pathname,
    search,
    hash,
  ].join("\n");
}
