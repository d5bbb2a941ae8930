import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { resolveTarget } from "./credentials.ts";

/**
 * Where to read from: a marketplace like in `resolveTarget`, a `file:` URL, or the folder of a mirror.
 * What is no URL is taken for a folder.
 */
export async function marketplaceAddress(cli: Cli, text: string | undefined): Promise<string> {
  const named = text ?? cli.env["RISING_BSM_URL"];
  if (named === undefined || named === "") return (await resolveTarget(cli, undefined)).url;
  const url = URL.parse(named);
  if (url?.protocol === "file:") return url.href;
  if (url === null && !named.includes("://")) return pathToFileURL(resolve(cli.cwd, named)).href;
  return mirrorUrl(named) ?? (await resolveTarget(cli, named)).url;
}

/** Everything that is read is verified, so a mirror in the local network needs no TLS. */
function mirrorUrl(text: string): string | null {
  const url = URL.parse(text);
  if (url?.protocol !== "http:") return null;
  if (url.username !== "" || url.password !== "") {
    throw new RbsmError("usage", "--url must not hold a user name or password");
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}
