import { RbsmError } from "@rising-bsm/protocol";

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;
/** Names of one network or machine, which mean nothing, or something else, to the marketplace. */
const LOCAL_NAME = /(?:^|\.)(?:localhost|local|internal|lan|intranet|home\.arpa)$/;
/** A last label of digits is an IPv4 address, however it was written. */
const PUBLIC_NAME = /\.(?!\d+$)[a-z0-9-]+$/;

/**
 * Where a webhook may lead, in its normal form: to a public name by https. A marketplace that runs
 * on loopback itself may call loopback. Throws `request_invalid`.
 */
export function readWebhookUrl(text: string, marketplace: URL): string {
  if (!URL.canParse(text)) throw refused("is not an address");
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") throw refused("holds a user or password");
  if (url.hash !== "") throw refused("has a fragment, which would not be sent");
  const isLocal = LOOPBACK.test(url.hostname) && LOOPBACK.test(marketplace.hostname);
  if (isLocal) assertLocal(url, marketplace);
  else assertPublic(url, marketplace);
  return url.href;
}

function assertLocal(url: URL, marketplace: URL): void {
  if (!/^https?:$/.test(url.protocol)) throw refused("is no http address");
  if (url.port === marketplace.port) throw refused("leads to the marketplace itself");
}

function assertPublic({ protocol, hostname }: URL, marketplace: URL): void {
  if (protocol !== "https:") throw refused("has to begin with https");
  const name = hostname.replace(/\.$/, "");
  if (name === marketplace.hostname) throw refused("leads to the marketplace itself");
  if (LOCAL_NAME.test(name) || !PUBLIC_NAME.test(name)) {
    throw refused("has to lead to a public name, not to an address or a local name");
  }
}

function refused(problem: string): RbsmError {
  return new RbsmError("request_invalid", `The webhook's URL ${problem}`);
}
