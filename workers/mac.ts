import { base64url, fromBase64url, utf8, utf8Decode } from "@rising-bsm/protocol";

/** HMAC-SHA256. The purpose is part of the message, so a tag for one use is worth nothing in another. */
export async function mac(
  secret: Uint8Array<ArrayBuffer>,
  purpose: string,
  message: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await importKey(secret, "sign");
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(`${purpose}\n${message}`)));
}

/** Constant-time check of `mac()`. */
export async function checkMac(
  secret: Uint8Array<ArrayBuffer>,
  { purpose, message }: { purpose: string; message: string },
  tag: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const key = await importKey(secret, "verify");
  return crypto.subtle.verify("HMAC", key, tag, utf8(`${purpose}\n${message}`));
}

/** A text that a client carries and cannot change: a cursor, a challenge. It is readable. */
export async function sealText(
  secret: Uint8Array<ArrayBuffer>,
  purpose: string,
  text: string,
): Promise<string> {
  return `${base64url(utf8(text))}.${base64url(await mac(secret, purpose, text))}`;
}

/** The sealed text, or null when it was not sealed here for this purpose. */
export async function unsealText(
  secret: Uint8Array<ArrayBuffer>,
  purpose: string,
  sealed: string,
): Promise<string | null> {
  const match = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(sealed);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  const parts = readSealed(match[1], match[2]);
  if (parts === null) return null;
  const message = { purpose, message: parts.text };
  return (await checkMac(secret, message, parts.tag)) ? parts.text : null;
}

/** What is not canonical base64url or not UTF-8 was not sealed here either. */
function readSealed(text: string, tag: string) {
  try {
    return { text: utf8Decode(fromBase64url(text)), tag: fromBase64url(tag) };
  } catch {
    return null;
  }
}

function importKey(secret: Uint8Array<ArrayBuffer>, use: "sign" | "verify"): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, [use]);
}
