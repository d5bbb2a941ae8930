import { constants, type Stats } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CLIENT_LIMITS, RbsmError, sha256Hex } from "@rising-bsm/protocol";
import type { Incoming, Outgoing, Send } from "./send.ts";

/** Characters of every path that a marketplace has; none of them can leave the folder. */
const SEGMENT = /^[A-Za-z0-9@_+-][A-Za-z0-9@._+-]*$/;

/**
 * Sends to a folder that holds a marketplace's files, such as `rising-bsm mirror` writes: `GET` alone,
 * regular files alone, no links. Small files have their SHA-256 as ETag, so conditional requests work.
 */
export function createFolderSend(base: URL): Send {
  const folder = folderOf(base);
  return async function sendToFolder(request) {
    if (request.signal?.aborted) throw new RbsmError("cancelled", "The request was cancelled");
    if (request.method !== "GET") throw filesOnly(base);
    const segments = segmentsOf(base, request.path);
    const url = new URL(`${base.pathname.replace(/\/$/, "")}/${segments.join("/")}`, base).href;
    const file = await openInside(folder, segments, url);
    return file === null ? nothing(url) : await answer(file, request, url);
  };
}

function folderOf(base: URL): string {
  try {
    return fileURLToPath(base.href);
  } catch (error) {
    const message = `Not a folder of this machine: ${base.href}`;
    throw new RbsmError("usage", message, { fix: "Write it like file:///srv/mirror" }, error);
  }
}

function filesOnly(base: URL): RbsmError {
  return new RbsmError(
    "network_unreachable",
    "A mirror in a folder has files and answers nothing",
    {
      url: base.href,
      fix: "Licenses and paid bundles need the marketplace itself.",
    },
  );
}

function segmentsOf(base: URL, path: string): string[] {
  const below = path.startsWith(base.href) ? path.slice(base.href.length) : path;
  const segments = below.replace(/^\//, "").split("/");
  if (segments.every((segment) => SEGMENT.test(segment))) return segments;
  throw new RbsmError("network_bad_answer", `No file of a marketplace has the path ${path}`, {
    url: base.href,
  });
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly info: Stats;
}

async function openInside(
  folder: string,
  segments: readonly string[],
  url: string,
): Promise<OpenFile | null> {
  const root = await realpath(folder).catch((error: unknown) => {
    throw unreadable(url, `There is no folder ${folder}`, error);
  });
  const path = join(root, ...segments);
  try {
    if ((await realpath(path)) !== path) throw isLink(url);
    // Without O_NONBLOCK a named pipe would be waited for.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const handle = await open(path, flags);
    const info = await handle.stat();
    if (info.isFile()) return { handle, info };
    await handle.close();
    return null;
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return null;
    if (["ELOOP", "EMLINK"].includes(systemCode(error))) throw isLink(url);
    throw error instanceof RbsmError ? error : unreadable(url, `${path} cannot be read`, error);
  }
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function isLink(url: string): RbsmError {
  return new RbsmError("network_bad_answer", "The mirror has a link in place of a file", {
    url,
    fix: "Copy the mirror with its files, not with links to them.",
  });
}

function unreadable(url: string, message: string, error: unknown): RbsmError {
  const fix = "Check the folder of the mirror and who may read it.";
  return new RbsmError("network_unreachable", message, { url, fix }, error);
}

function nothing(url: string): Incoming {
  return { status: 404, headers: new Headers(), url, chunks: none(), discard: async () => {} };
}

async function* none(): AsyncGenerator<Uint8Array> {}

async function answer(file: OpenFile, request: Outgoing, url: string): Promise<Incoming> {
  const { handle, info } = file;
  const headers = new Headers({ "content-length": String(info.size) });
  if (info.size > CLIENT_LIMITS.jsonBytes) {
    const discard = () => handle.close();
    return { status: 200, headers, url, chunks: readChunks(file, request, url), discard };
  }
  const bytes = await readSmall(file, url);
  const etag = `"${await sha256Hex(bytes)}"`;
  headers.set("etag", etag);
  const isKnown = new Headers(request.headers).get("if-none-match") === etag;
  const chunks = isKnown ? none() : one(bytes);
  return { status: isKnown ? 304 : 200, headers, url, chunks, discard: async () => {} };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function readSmall(
  { handle, info }: OpenFile,
  url: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = new Uint8Array(info.size);
    const { bytesRead } = await handle.read(bytes, 0, info.size, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(url, "The file cannot be read", error);
  } finally {
    await handle.close();
  }
}

async function* readChunks(
  { handle }: OpenFile,
  { signal }: Outgoing,
  url: string,
): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(256 * 1024);
  try {
    for (;;) {
      if (signal?.aborted) throw new RbsmError("cancelled", "The request was cancelled", { url });
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      yield chunk.slice(0, bytesRead);
    }
  } catch (error) {
    throw error instanceof RbsmError ? error : unreadable(url, "The file cannot be read", error);
  } finally {
    await handle.close();
  }
}
