import { sha256Hex, utf8 } from "./encoding.ts";
import { RbsmError } from "./errors.ts";

/** Crockford's base32: no I, L, O and U, so that a key survives being read aloud. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const KEY_BYTES = 20;
const PREFIX = "RBSM";
const LEGACY = /^[0-9A-F]{30}$/;

/**
 * A license key of 160 bits: `RBSM-` and eight groups of four. The caller brings the 20 random
 * bytes. Throws `internal` for any other number.
 */
export function newLicenseKey(random: Uint8Array): string {
  if (random.length !== KEY_BYTES) {
    throw new RbsmError(
      "internal",
      `A license key needs ${KEY_BYTES} random bytes, not ${random.length}`,
    );
  }
  let bits = 0;
  let held = 0;
  let text = "";
  for (const byte of random) {
    bits = (bits << 8) | byte;
    for (held += 8; held >= 5; held -= 5) text += ALPHABET.charAt((bits >>> (held - 5)) & 31);
    bits &= (1 << held) - 1;
  }
  return [PREFIX, ...inGroups(text, 4)].join("-");
}

/**
 * The one spelling of a license key: upper case, grouped, O read as 0 and I, L as 1. Legacy keys
 * (`XXXXXX-…`, five groups of six hexadecimal digits) are kept. Throws `license_refused`.
 */
export function normalizeLicenseKey(key: string): string {
  const typed = compact(key);
  if (LEGACY.test(typed)) return inGroups(typed, 6).join("-");
  const body = (typed.startsWith(PREFIX) ? typed.slice(PREFIX.length) : typed)
    .replaceAll("O", "0")
    .replaceAll(/[IL]/g, "1");
  if (!/^[0-9A-HJKMNP-TV-Z]{32}$/.test(body)) {
    throw new RbsmError("license_refused", "This is not a license key", {
      fix: "A key looks like RBSM-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX",
    });
  }
  return [PREFIX, ...inGroups(body, 4)].join("-");
}

/** Whether this is a key of the old marketplace, in whatever spelling. */
export function isLegacyLicenseKey(key: string): boolean {
  return LEGACY.test(compact(key));
}

/** SHA-256 in hexadecimal of the normalised key: what is stored. Throws `license_refused`. */
export async function hashLicenseKey(key: string): Promise<string> {
  return sha256Hex(utf8(normalizeLicenseKey(key)));
}

function compact(key: string): string {
  return key.slice(0, 100).toUpperCase().replaceAll(/[\s-]/g, "");
}

function inGroups(text: string, size: number): string[] {
  return Array.from({ length: text.length / size }, (_, i) => text.slice(i * size, (i + 1) * size));
}
