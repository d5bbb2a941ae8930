import {
  assertEntryCount,
  assertFileSize,
  createNameCheck,
  createSizeCheck,
} from "./bundle-profile.ts";
import { RbsmError, type ErrorCode } from "./errors.ts";
import { unpack } from "./inflate.ts";
import { ZIP } from "./zip-layout.ts";

/** One entry whose two headers agree and whose data lies where the profile wants it. */
export interface BundleRecord {
  readonly name: string;
  /** Offset of the local header. */
  readonly start: number;
  /** Offset of the packed data. */
  readonly data: number;
  /** Offset after the packed data, which is where the next local header begins. */
  readonly end: number;
  readonly deflated: boolean;
  readonly size: number;
  readonly crc: number;
}

/**
 * Reads a `.rbsm` file in the strict profile of docs/spec/bundle.md: a file has one parse or none.
 * Headers are checked completely before a byte is unpacked. Throws `bundle_*`. Stored entries are
 * views on `bytes`: do not change them while the result is in use.
 */
export function openBundle(bytes: Uint8Array): Map<string, Uint8Array> {
  return unpackRecords(bytes, readRecords(bytes));
}

/**
 * Some entries of a `.rbsm` file, by name; those that it does not hold are left out. All headers are
 * checked, only these entries are unpacked. Throws `bundle_*`.
 */
export function openEntries(
  bytes: Uint8Array,
  names: ReadonlySet<string>,
): Map<string, Uint8Array> {
  return unpackRecords(
    bytes,
    readRecords(bytes).filter(({ name }) => names.has(name)),
  );
}

/** Every entry unpacked and checked against its size and CRC-32. Throws `bundle_corrupt`. */
export function unpackRecords(
  bytes: Uint8Array,
  records: readonly BundleRecord[],
): Map<string, Uint8Array> {
  return new Map(records.map((record) => [record.name, unpackRecord(bytes, record)]));
}

function unpackRecord(bytes: Uint8Array, record: BundleRecord): Uint8Array {
  const corrupt = (problem: string, cause?: unknown) =>
    new RbsmError(
      "bundle_corrupt",
      `Entry ${JSON.stringify(record.name)} ${problem}`,
      { entry: record.name },
      cause,
    );
  let unpacked;
  try {
    unpacked = unpack(bytes.subarray(record.data, record.end), record);
  } catch (cause) {
    throw corrupt("does not unpack to its announced size", cause);
  }
  if (unpacked.bytes.length !== record.size) throw corrupt("is shorter than its announced size");
  if (unpacked.crc32 !== record.crc) throw corrupt("does not match its checksum");
  return unpacked.bytes;
}

/** The entries of a bundle in order, all headers checked, nothing unpacked. Throws `bundle_*`. */
export function readRecords(bytes: Uint8Array): BundleRecord[] {
  assertFileSize(bytes.length);
  assertZip(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { count, offset: directory } = readEnd(view);
  const checkName = createNameCheck();
  const checkSize = createSizeCheck();
  const records: BundleRecord[] = [];
  let central = directory;
  let local = 0;
  for (let i = 0; i < count; i++) {
    const record = readRecord(view, central, { local, directory });
    checkName(record.name);
    checkSize(record.name, record.size);
    records.push(record);
    central += ZIP.centralBytes + record.name.length;
    local = record.end;
  }
  if (central !== bytes.length - ZIP.endBytes)
    throw broken("the directory does not end at the end record");
  if (local !== directory) throw broken("bytes lie between the entries and the directory");
  return records;
}

function assertZip(bytes: Uint8Array): void {
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (magic === "RBSM") throw new RbsmError("bundle_legacy");
  if (!magic.startsWith("PK")) throw new RbsmError("bundle_not_zip");
  if (bytes.length < ZIP.endBytes) throw new RbsmError("bundle_truncated");
}

function readEnd(view: DataView): { count: number; offset: number } {
  const at = view.byteLength - ZIP.endBytes;
  if (view.getUint32(at, true) !== ZIP.end) throw misplacedEnd(view);
  const count = view.getUint16(at + 10, true);
  const size = view.getUint32(at + 12, true);
  const offset = view.getUint32(at + 16, true);
  if (view.getUint16(at + 20, true) !== 0) throw broken("the end record announces a comment");
  if (view.getUint32(at + 4, true) !== 0) throw broken("the archive is split over disks");
  if (view.getUint16(at + 8, true) !== count) throw broken("the end record's counts differ");
  if (count === 0) throw broken("there are no entries");
  assertEntryCount(count);
  if (offset + size !== at) throw broken("the directory does not end at the end record");
  return { count, offset };
}

/** Without an end record in the last 22 bytes the file is cut off, or something follows the record. */
function misplacedEnd(view: DataView): RbsmError {
  for (let at = view.byteLength - ZIP.endBytes - 1; at >= 0; at--) {
    if (view.getUint32(at, true) === ZIP.end) return broken("bytes follow the end record");
  }
  return new RbsmError("bundle_truncated");
}

interface Bounds {
  /** Where this entry's local header has to begin. */
  readonly local: number;
  /** Where the directory begins, which no entry may pass. */
  readonly directory: number;
}

function readRecord(view: DataView, central: number, { local, directory }: Bounds): BundleRecord {
  const limit = view.byteLength - ZIP.endBytes;
  if (central + ZIP.centralBytes > limit)
    throw broken("the directory has fewer entries than announced");
  if (view.getUint32(central, true) !== ZIP.central)
    throw broken("a directory entry is not where it should be");
  const nameLength = view.getUint16(central + 28, true);
  if (central + ZIP.centralBytes + nameLength > limit)
    throw broken("a name reaches past the directory");
  const name = readName(view, central + ZIP.centralBytes, nameLength);
  assertCentral(view, central, name);

  const data = local + ZIP.localBytes + nameLength;
  const packedSize = view.getUint32(central + 20, true);
  if (view.getUint32(central + 42, true) !== local || data + packedSize > directory) {
    throw broken("does not lie right after the entry before it", name);
  }
  assertLocal(view, { central, local, nameLength });
  const size = view.getUint32(central + 24, true);
  const deflated = view.getUint16(central + 10, true) === ZIP.deflated;
  assertRatio({ name, size, packedSize, deflated });
  return {
    name,
    start: local,
    data,
    end: data + packedSize,
    deflated,
    size,
    crc: view.getUint32(central + 16, true),
  };
}

function readName(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  // Latin-1 keeps one character a byte; the name check refuses all that is not plain ASCII.
  let name = "";
  for (const byte of bytes) name += String.fromCharCode(byte);
  return name;
}

function assertCentral(view: DataView, at: number, name: string): void {
  const version = view.getUint16(at + 6, true);
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  if (version !== 10 && version !== 20)
    throw broken("needs a ZIP version other than 1.0 or 2.0", name);
  if (flags !== 0 && flags !== 0x800) throw broken("is encrypted or has a data descriptor", name);
  if (method !== ZIP.stored && method !== ZIP.deflated)
    throw broken("is neither stored nor deflated", name);
  if (view.getUint16(at + 30, true) !== 0) throw broken("has an extra field", name);
  if (view.getUint16(at + 32, true) !== 0) throw broken("has a comment", name);
  if (view.getUint32(at + 34, true) !== 0)
    throw broken("has a disk number or internal attributes", name);
  assertRegularFile(view.getUint16(at + 4, true), view.getUint32(at + 38, true), name);
}

/** Without attributes, or with the mode of a regular file without setuid, setgid and sticky. */
function assertRegularFile(madeBy: number, attributes: number, name: string): void {
  const isRegular =
    madeBy === 20
      ? attributes === 0 || isDosMode(attributes)
      : madeBy === 0x314 && isMode(attributes);
  if (!isRegular) throw broken("is not a plain regular file", name);
}

function isMode(attributes: number): boolean {
  const mode = attributes >>> 16;
  return mode !== 0 && (mode & ~0o100777) === 0 && (attributes & 0xffff) === 0;
}

/**
 * A mode beside the system DOS, as Python writes it on Windows. It lies in two bytes, so that no
 * single changed byte makes a mode out of none.
 */
function isDosMode(attributes: number): boolean {
  const mode = attributes >>> 16;
  return isMode(attributes) && mode > 0xff && (mode & 0xff) !== 0;
}

function assertLocal(
  view: DataView,
  at: { central: number; local: number; nameLength: number },
): void {
  if (view.getUint32(at.local, true) !== ZIP.local) throw broken("an entry has no local header");
  const fieldsDiffer = !equalRange(view, [at.local + 4, at.central + 6], ZIP.sharedBytes);
  const names = [at.local + ZIP.localBytes, at.central + ZIP.centralBytes] as const;
  if (fieldsDiffer || !equalRange(view, names, at.nameLength)) {
    throw broken("a local header differs from its directory entry");
  }
}

function equalRange(view: DataView, [a, b]: readonly [number, number], length: number): boolean {
  for (let i = 0; i < length; i++) {
    if (view.getUint8(a + i) !== view.getUint8(b + i)) return false;
  }
  return true;
}

/** Deflate cannot expand more than 1032-fold, and a sane writer never lets data grow by much. */
function assertRatio(entry: {
  name: string;
  size: number;
  packedSize: number;
  deflated: boolean;
}): void {
  const { name, size, packedSize, deflated } = entry;
  if (!deflated && packedSize !== size) throw broken("is stored, but its sizes differ", name);
  if (size > packedSize * 1032 + 64) throw broken("announces more than deflate can hold", name);
  if (packedSize > size + size / 1000 + 64) throw broken("is padded beyond its content", name);
}

function broken(problem: string, name?: string): RbsmError {
  const code: ErrorCode = "bundle_structure";
  if (name === undefined)
    return new RbsmError(code, `The bundle breaks the strict profile: ${problem}`);
  return new RbsmError(code, `Entry ${JSON.stringify(name)} ${problem}`, { entry: name });
}
