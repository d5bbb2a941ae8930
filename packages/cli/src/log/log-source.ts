import type { Marketplace } from "@rising-bsm/host-sdk";
import {
  decodeEntries,
  decodeTile,
  entriesPath,
  type Hash,
  type HashReader,
  LOG_LIMITS,
  RbsmError,
  type Tile,
  TILE_WIDTH,
  tilePath,
  tileReader,
} from "@rising-bsm/protocol";

type Files = Pick<Marketplace, "url" | "getBytes">;

/** The log's files of one marketplace or mirror. Nothing here is verified. */
export interface LogSource {
  readonly url: string;
  checkpoint(): Promise<Uint8Array>;
  tile(tile: Tile): Promise<Hash[]>;
  entries(index: number, width: number): Promise<Uint8Array<ArrayBuffer>[]>;
  /** Hashes of the log of `size` entries by its tiles. */
  reader(size: number): HashReader;
}

/** Reads from a marketplace or mirror. A file that is missing or damaged is `trust_log_invalid`. */
export function createLogSource(files: Files): LogSource {
  const tile = (place: Tile) => readTile(files, place);
  return {
    url: files.url,
    checkpoint: () => readLogFile(files, "/log/checkpoint", LOG_LIMITS.noteBytes),
    tile,
    entries: (index, width) => readEntries(files, index, width),
    reader: (size) => tileReader(size, tile),
  };
}

async function readTile(files: Files, tile: Tile): Promise<Hash[]> {
  const full = { ...tile, width: TILE_WIDTH };
  const paths = { path: `/log/${tilePath(tile)}`, full: `/log/${tilePath(full)}` };
  const { bytes, isFull } = await readPart(files, paths, LOG_LIMITS.tileBytes);
  return decodeTile(bytes, isFull ? TILE_WIDTH : tile.width).slice(0, tile.width);
}

async function readEntries(
  files: Files,
  index: number,
  width: number,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const full = `/log/${entriesPath(index, TILE_WIDTH)}`;
  const paths = { path: `/log/${entriesPath(index, width)}`, full };
  const { bytes, isFull } = await readPart(files, paths, LOG_LIMITS.entriesBytes);
  return decodeEntries(bytes, isFull ? TILE_WIDTH : width).slice(0, width);
}

/** A file of a part may be gone once the full one is there (c2sp.org/tlog-tiles). */
async function readPart(
  files: Files,
  { path, full }: { readonly path: string; readonly full: string },
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly isFull: boolean }> {
  try {
    return { bytes: await files.getBytes(path, maxBytes), isFull: path === full };
  } catch (error) {
    if (!isGone(error) || path === full) throw missing(path, error);
    const bytes = await files.getBytes(full, maxBytes).catch((gone: unknown) => {
      throw missing(path, gone);
    });
    return { bytes, isFull: true };
  }
}

async function readLogFile(files: Files, path: string, maxBytes: number): Promise<Uint8Array> {
  return files.getBytes(path, maxBytes).catch((error: unknown) => {
    throw missing(path, error);
  });
}

function isGone(error: unknown): boolean {
  return error instanceof RbsmError && error.code === "not_found";
}

function missing(path: string, error: unknown): unknown {
  if (!isGone(error)) return error;
  const message = `The log has no ${path}`;
  const findings = [{ rule: "log_file_missing", path, message }];
  return new RbsmError("trust_log_invalid", message, { findings }, error);
}
