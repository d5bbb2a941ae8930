import { RbsmError } from "./errors.ts";
import { BUNDLE_LIMITS } from "./limits.ts";

/** Entries that the publisher's signature does not cover; nothing else may lie in `signatures/`. */
export const SIGNATURE_FOLDER = "signatures/";
/** The publisher's DSSE envelope. */
export const PUBLISHER_ENVELOPE = "signatures/publisher.dsse.json";
/** The publisher's public key: base64url of the raw 32 bytes and a line feed. */
export const PUBLISHER_KEY = "signatures/publisher.pub";
/** The manifest's entry name. */
export const MANIFEST_ENTRY = "manifest.json";

const WINDOWS_RESERVED = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;

/** Whether a name lies in the folder that holds signatures. */
export function isSignatureEntry(name: string): boolean {
  return name.startsWith(SIGNATURE_FOLDER);
}

/** Throws `bundle_entry_name` unless the name is one the profile allows. */
export function assertEntryName(name: string): void {
  const problem = entryNameProblem(name);
  if (problem !== null) {
    throw new RbsmError("bundle_entry_name", `Entry ${JSON.stringify(name)} ${problem}`, {
      entry: name,
    });
  }
}

/** What is wrong with an entry's name, as the end of a sentence, or null. */
export function entryNameProblem(name: string): string | null {
  if (name === "") return "has no name";
  if (name.length > BUNDLE_LIMITS.nameLength) {
    return `is longer than ${BUNDLE_LIMITS.nameLength} characters`;
  }
  if (!/^[A-Za-z0-9._@/-]+$/.test(name)) return "has a character outside A-Z a-z 0-9 . _ @ / -";
  const segments = name.split("/");
  if (segments.length > BUNDLE_LIMITS.nameSegments) {
    return `is nested deeper than ${BUNDLE_LIMITS.nameSegments} levels`;
  }
  if (isSignatureEntry(name) && name !== PUBLISHER_ENVELOPE && name !== PUBLISHER_KEY) {
    return `is not one of the files that ${SIGNATURE_FOLDER} may hold`;
  }
  return segments.map(segmentProblem).find((problem) => problem !== null) ?? null;
}

function segmentProblem(segment: string): string | null {
  if (segment === "") return "has an empty path segment";
  if (segment.endsWith(".")) return "has a path segment that ends in a dot";
  if (segment === "__proto__") return "has the path segment __proto__";
  return WINDOWS_RESERVED.test(segment) ? "has a name that Windows reserves" : null;
}

/**
 * Checks names one after the other: allowed, strictly sorted by bytes, unique without regard to
 * case, and no file that is also a folder. Throws `bundle_entry_name`.
 */
export function createNameCheck(): (name: string) => void {
  const files = new Set<string>();
  const folders = new Set<string>();
  let previous = "";
  return (name) => {
    assertEntryName(name);
    const refuse = (problem: string): never => {
      throw new RbsmError("bundle_entry_name", `Entry ${JSON.stringify(name)} ${problem}`, {
        entry: name,
      });
    };
    if (name === previous) refuse("appears twice");
    // Names are ASCII, so comparing code units compares bytes.
    if (name < previous) refuse("is out of order: entries are sorted by their bytes");
    previous = name;
    const folded = name.toLowerCase();
    if (files.has(folded)) refuse("differs from another entry in case only");
    files.add(folded);
    for (let at = folded.indexOf("/"); at !== -1; at = folded.indexOf("/", at + 1)) {
      const folder = folded.slice(0, at);
      if (files.has(folder)) refuse("lies below another entry that is a file");
      folders.add(folder);
    }
    if (folders.has(folded)) refuse("is a file and a folder at once");
  };
}

/** What the profile limits before anything is unpacked. Throws `bundle_too_large`. */
export function createSizeCheck(): (name: string, size: number) => void {
  let unpacked = 0;
  return (name, size) => {
    if (size > BUNDLE_LIMITS.entryBytes) {
      throw new RbsmError(
        "bundle_too_large",
        `Entry ${JSON.stringify(name)} unpacks to ${size} bytes; the limit is ${BUNDLE_LIMITS.entryBytes}`,
        { entry: name },
      );
    }
    unpacked += size;
    if (unpacked > BUNDLE_LIMITS.unpackedBytes) {
      throw new RbsmError(
        "bundle_too_large",
        `The bundle unpacks to more than ${BUNDLE_LIMITS.unpackedBytes} bytes`,
      );
    }
  };
}

/** Throws `bundle_too_large` for more entries than a bundle may hold. */
export function assertEntryCount(count: number): void {
  if (count > BUNDLE_LIMITS.entries) {
    throw new RbsmError(
      "bundle_too_large",
      `The bundle has ${count} entries; the limit is ${BUNDLE_LIMITS.entries}`,
    );
  }
}

/** Throws `bundle_too_large` for a file over the limit. */
export function assertFileSize(size: number): void {
  if (size > BUNDLE_LIMITS.fileBytes) {
    throw new RbsmError(
      "bundle_too_large",
      `The bundle is ${size} bytes; the limit is ${BUNDLE_LIMITS.fileBytes}`,
    );
  }
}
