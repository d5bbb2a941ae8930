import { concatBytes, parseOfflineAnswer, readTar, signOfflineRequest } from "@rising-bsm/protocol";
import type { OfflineAnswer, OfflineRequest, SigningKey } from "@rising-bsm/protocol";
import { PLUGIN } from "../licenses/sample-plugin.ts";
import { call } from "../testing.ts";

const NEW_HOST = { engines: { runtime: "1.0.0" }, tuf: { root: 0, timestamp: 0 }, logs: [] };

/** A request file of a host that has never seen a marketplace. */
export function requestFile(
  key: SigningKey,
  request: Pick<OfflineRequest, "license"> & Partial<OfflineRequest>,
) {
  const iat = Math.floor(Date.now() / 1000);
  const ids = { rid: crypto.randomUUID(), nonce: crypto.randomUUID(), iat };
  return signOfflineRequest({ plugin: PLUGIN, ...ids, ...NEW_HOST, ...request }, key);
}

/** Sends a request file to the API, from an address as the platform says it. */
export function ask(file: unknown, address?: string): Promise<Response> {
  const from = address === undefined ? {} : { "CF-Connecting-IP": address };
  return call("/v1/licenses/offline", {
    method: "POST",
    headers: { "Content-Type": "application/json", ...from },
    body: JSON.stringify(file),
  });
}

export interface ReadAnswer {
  readonly answer: OfflineAnswer;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The archive in an answer, read as a host reads it. */
export async function readAnswer(response: Response): Promise<ReadAnswer> {
  if (!response.ok || response.body === null) throw new Error(await response.text());
  const files = new Map<string, Uint8Array>();
  for await (const { path, chunks } of readTar(response.body)) {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    files.set(path, concatBytes(...parts));
  }
  const first = files.keys().next().value ?? "";
  const answer = parseOfflineAnswer(files.get(first) ?? new Uint8Array());
  return { answer, files };
}
