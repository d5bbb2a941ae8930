import { deflateSync } from "fflate";
import {
  assertEntryCount,
  assertFileSize,
  createNameCheck,
  createSizeCheck,
  isSignatureEntry,
} from "./bundle-profile.ts";
import { utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";
import { crc32 } from "./inflate.ts";
import { ZIP } from "./zip-layout.ts";

interface PackedFile {
  readonly name: Uint8Array;
  readonly deflated: boolean;
  readonly data: Uint8Array;
  readonly size: number;
  readonly crc: number;
}

/**
 * Writes a `.rbsm` file. The same files give the same bytes on every machine, Node and time zone.
 * Throws `bundle_*` when the files break the profile, so what it writes `openBundle` reads.
 */
export function packBundle(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer> {
  if (files.size === 0) throw new RbsmError("bundle_structure", "A bundle holds at least one file");
  assertEntryCount(files.size);
  const checkName = createNameCheck();
  const checkSize = createSizeCheck();
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, content] of sorted) {
    checkName(name);
    checkSize(name, content.length);
  }
  return writeZip(sorted.map(([name, content]) => packFile(name, content)));
}

function packFile(name: string, content: Uint8Array): PackedFile {
  // A signature is stored as it is: then each of its bytes is under the CRC.
  const packed = isSignatureEntry(name) ? content : deflateSync(content, { level: 6 });
  const deflated = packed.length < content.length;
  return {
    name: utf8(name),
    deflated,
    data: deflated ? packed : content,
    size: content.length,
    crc: crc32(content),
  };
}

function writeZip(files: readonly PackedFile[]): Uint8Array<ArrayBuffer> {
  const localBytes = files.reduce(
    (sum, f) => sum + ZIP.localBytes + f.name.length + f.data.length,
    0,
  );
  const centralBytes = files.reduce((sum, f) => sum + ZIP.centralBytes + f.name.length, 0);
  assertFileSize(localBytes + centralBytes + ZIP.endBytes);
  const zip = new Uint8Array(localBytes + centralBytes + ZIP.endBytes);
  const view = new DataView(zip.buffer);
  let local = 0;
  let central = localBytes;
  for (const file of files) {
    view.setUint32(central, ZIP.central, true);
    view.setUint16(central + 4, 20, true);
    writeShared(view, central + 6, file);
    view.setUint32(central + 42, local, true);
    zip.set(file.name, central + ZIP.centralBytes);
    central += ZIP.centralBytes + file.name.length;

    view.setUint32(local, ZIP.local, true);
    writeShared(view, local + 4, file);
    zip.set(file.name, local + ZIP.localBytes);
    zip.set(file.data, local + ZIP.localBytes + file.name.length);
    local += ZIP.localBytes + file.name.length + file.data.length;
  }
  view.setUint32(central, ZIP.end, true);
  view.setUint16(central + 8, files.length, true);
  view.setUint16(central + 10, files.length, true);
  view.setUint32(central + 12, centralBytes, true);
  view.setUint32(central + 16, localBytes, true);
  return zip;
}

function writeShared(view: DataView, at: number, file: PackedFile): void {
  view.setUint16(at, 20, true);
  view.setUint16(at + 4, file.deflated ? ZIP.deflated : ZIP.stored, true);
  view.setUint32(at + 6, ZIP.time, true);
  view.setUint32(at + 10, file.crc, true);
  view.setUint32(at + 14, file.data.length, true);
  view.setUint32(at + 18, file.size, true);
  view.setUint16(at + 22, file.name.length, true);
}
