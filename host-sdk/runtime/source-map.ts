import { posix } from "node:path";
import { RUNTIME_LIMITS } from "@rising-bsm/protocol";
import { z } from "zod";
import { type FindOriginal, indexMappings } from "./source-map-index.ts";

type Files = ReadonlyMap<string, Uint8Array>;

/** Where the code of one file came from. */
interface SourceMap {
  readonly find: FindOriginal;
  readonly pathOf: (source: number) => string | null;
}

/** The maps of one loaded plugin: read when a frame needs them, and once. */
interface LoadedMaps {
  /** Bytes of maps that may still be read: what reading them costs is paid by the host. */
  bytesLeft: number;
  readonly byFile: Map<string, SourceMap | null>;
}

const loaded = new WeakMap<Files, LoadedMaps>();

/** What stack traces call the folder of a plugin's files. */
export function pluginLabel({ name, version }: { name: string; version: string }): string {
  return `rbsm:/${name}@${version}`;
}

/**
 * Rewrites the frames of a plugin's stack trace from `<label>/main.js:12:5` to `src/index.ts:3:9`,
 * by the source maps in its bundle. Stack and maps are the plugin's: nothing in them makes this
 * throw or take long; a frame without a usable map stays as it is. Control characters are removed
 * from every frame.
 */
export function mapStack(files: Files, label: string, stack: string): string {
  const prefix = `${label}/`;
  if (!stack.includes(prefix)) return stack;
  let left: number = RUNTIME_LIMITS.mappedFrames;
  return stack
    .split("\n")
    .map((line) => {
      const at = line.lastIndexOf(prefix);
      if (at < 0 || (left -= 1) < 0) return line;
      const place = originalPlace(files, line.slice(at + prefix.length));
      return printable(place === null ? line : line.slice(0, at) + place);
    })
    .join("\n");
}

/** `main.js:12:5)` → `src/index.ts:3:9)`. */
function originalPlace(files: Files, frame: string): string | null {
  const [, path = "", line, column, end = ""] = /^(.+):(\d{1,9}):(\d{1,9})(\)?)$/.exec(frame) ?? [];
  const map = mapOf(files, path);
  const original = map?.find(Number(line) - 1, Number(column) - 1);
  if (original === undefined || original === null) return null;
  const source = map?.pathOf(original.source) ?? null;
  return source === null ? null : `${source}:${original.line + 1}:${original.column + 1}${end}`;
}

function mapOf(files: Files, path: string): SourceMap | null {
  const maps = loaded.get(files) ?? { bytesLeft: RUNTIME_LIMITS.sourceMapBytes, byFile: new Map() };
  loaded.set(files, maps);
  const known = maps.byFile.get(path);
  const code = files.get(path);
  if (known !== undefined || code === undefined) return known ?? null;
  const map = readMap(files, { path, code }, maps);
  maps.byFile.set(path, map);
  return map;
}

const MAX_PATH = 1_024;
const COMMENT = "//# sourceMappingURL=";

function readMap(
  files: Files,
  { path, code }: { path: string; code: Uint8Array },
  maps: LoadedMaps,
): SourceMap | null {
  // The comment is the last line; with the map inside, base64 makes it longer by a third.
  const tail = textBuffer(code.subarray(-Math.ceil((maps.bytesLeft * 4) / 3 + MAX_PATH)));
  const at = tail.lastIndexOf(COMMENT);
  if (at < 0) return null;
  const url = tail.toString("utf8", at + COMMENT.length).trim();
  const mapPath = url.startsWith("data:") ? path : siblingPath(path, url);
  const bytes = url.startsWith("data:") ? inlineBytes(url) : files.get(mapPath);
  if (bytes === undefined || bytes.length > maps.bytesLeft) return null;
  maps.bytesLeft -= bytes.length;
  return parseMap(textBuffer(bytes).toString("utf8"), posix.dirname(mapPath));
}

function textBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function siblingPath(path: string, url: string): string {
  return posix.join(posix.dirname(path), url.slice(0, MAX_PATH));
}

function inlineBytes(url: string): Uint8Array | undefined {
  const [head = "", data = ""] = url.split(",", 2);
  const isBase64 = head.startsWith("data:application/json") && head.endsWith(";base64");
  return isBase64 ? Buffer.from(data, "base64") : undefined;
}

/** Maps made of other maps (`sections`) have no `mappings`: no bundler writes them. */
const Shape = z.object({
  version: z.literal(3),
  sourceRoot: z.string().nullish(),
  sources: z.custom<readonly unknown[]>(Array.isArray),
  mappings: z.string(),
});

function parseMap(text: string, folder: string): SourceMap | null {
  const { data } = Shape.safeParse(jsonOf(text));
  const find = data === undefined ? null : indexMappings(data.mappings);
  if (data === undefined || find === null) return null;
  const { sources, sourceRoot } = data;
  return {
    find,
    pathOf(index) {
      const source = sources[index];
      if (typeof source !== "string" || source.length > MAX_PATH) return null;
      return sourcePath(source, posix.join(folder, (sourceRoot ?? "").slice(0, MAX_PATH)));
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return isFlat(text) ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

const MAX_STRUCTURES = 64;

/** A map is a few keys and lists. Many of them, or deep ones, take JSON.parse ten times as long. */
function isFlat(text: string): boolean {
  let structures = 0;
  for (let at = 0; at < text.length && structures <= MAX_STRUCTURES; at += 1) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at);
    else if (character === "{" || character === "[" || character === ":") structures += 1;
  }
  return structures <= MAX_STRUCTURES;
}

function endOfString(text: string, start: number): number {
  let end = start;
  let escapes: number;
  do {
    end = text.indexOf('"', end + 1);
    escapes = 0;
    while (text[end - 1 - escapes] === "\\") escapes += 1;
  } while (end >= 0 && escapes % 2 === 1);
  return end < 0 ? text.length : end;
}

/** A source as a path inside the plugin: of the folders of whoever built it nothing is told. */
function sourcePath(source: string, folder: string): string | null {
  const [, scheme, named = ""] = /^([a-z][\w+.-]*):\/\/(?:[^/]*)\/(.*)$/i.exec(source) ?? [];
  if (scheme === "file" || posix.isAbsolute(source) || /^[a-z]:\\/i.test(source)) {
    return cleaned(source.split(/[/\\]/).at(-1) ?? "");
  }
  return cleaned(scheme === undefined ? posix.join(folder, source) : posix.normalize(named));
}

function cleaned(path: string): string | null {
  const inside = printable(path).replace(/^[./]*\//, "");
  return /[^./]/.test(inside) ? inside : null;
}

/** Without what moves a cursor, ends a line or turns the direction of writing. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
}
