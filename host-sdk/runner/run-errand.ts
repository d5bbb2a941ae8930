import { createHash, type Hash } from "node:crypto";
import { type Errand, type ErrandAnswer, type ErrandName, LATER } from "./prelude/errands.ts";

type Work = (first: string, second: string, bytes: Uint8Array) => ErrandAnswer;

/**
 * What one isolate has done in this process while its own thread waits. Nothing is kept but what the
 * pieces of one text or hash share, and nothing is thrown: an error would carry paths of this
 * machine. Bytes that go back lie in a buffer of their own, because the whole buffer crosses.
 * `onDone` is told for how many ms an errand kept this thread.
 */
export function createErrands(onDone: (ms: number) => void): Errand {
  const works: Record<ErrandName, Work> = { ...WORKS, ...worksInPieces() };
  return (...[name, first, second, bytes]) => {
    const startedAt = performance.now();
    if (isOthersTurn(startedAt)) return LATER;
    try {
      return works[name](first, second, bytes);
    } catch {
      return null;
    } finally {
      onDone(performance.now() - startedAt);
    }
  };
}

const MAX_BUSY_MS = 4;
let busySince: number | undefined;

/**
 * As long as there is an errand, isolated-vm gives this thread to nothing else: no frame is read and
 * no limit watched. So all who send one are put off from time to time.
 */
function isOthersTurn(now: number): boolean {
  if (busySince === undefined) {
    busySince = now;
    setImmediate(() => (busySince = undefined));
  }
  return now - busySince > MAX_BUSY_MS;
}

const WORKS = {
  parseUrl: (url, base) => partsOf(new URL(url, base === "" ? undefined : base)),
  setUrlPart(href, keyAndValue) {
    const url = new URL(href);
    const [key, ...value] = keyAndValue.split("=");
    Reflect.set(url, key ?? "", value.join("="));
    return partsOf(url);
  },
  encodeUtf8: (text) => new TextEncoder().encode(text),
  findEncoding: (label) => new TextDecoder(label).encoding,
  toBase64: (_, __, bytes) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
  fromBase64: (text) => new Uint8Array(Buffer.from(text, "base64")),
} satisfies Partial<Record<ErrandName, Work>>;

/** The first piece begins anew: those before may never have come to their end. */
function worksInPieces() {
  let decoder = new TextDecoder();
  let hash: Hash | undefined;
  return {
    decodeText(label, part, bytes) {
      const fatal = part.includes("fatal");
      if (part.includes("begin")) decoder = new TextDecoder(label, { fatal, ignoreBOM: true });
      return decoder.decode(bytes, { stream: !part.includes("end") });
    },
    digest(name, part, bytes) {
      if (hash === undefined || part.includes("begin")) hash = createHash(name);
      hash.update(bytes);
      return part.includes("end") ? new Uint8Array(hash.digest()) : "";
    },
  } satisfies Partial<Record<ErrandName, Work>>;
}

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
