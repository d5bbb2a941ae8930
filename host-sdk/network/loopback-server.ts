import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { NetworkOptions } from "./fetch.ts";
import { LOOPBACK_CERTIFICATE, LOOPBACK_KEY } from "./loopback-certificate.ts";

/** An https server of a test, and how a host reaches it under names that the certificate covers. */
export interface LoopbackServer {
  /** URL of a path under one of the names. */
  url(host: string, path: string): string;
  readonly network: NetworkOptions;
  close(): Promise<void>;
}

const HOSTS = ["api.good.example", "a.wild.example", "wild.example", "other.example"];

/** Starts a server on 127.0.0.1 that answers with `listener`. */
export async function startLoopbackServer(listener: RequestListener): Promise<LoopbackServer> {
  const server = createServer({ cert: LOOPBACK_CERTIFICATE, key: LOOPBACK_KEY }, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: (host, path) => `https://${host}:${port}${path}`,
    network: {
      ca: LOOPBACK_CERTIFICATE,
      lookup: async () => [{ address: "127.0.0.1", family: 4 }],
      privateOrigins: HOSTS.map((host) => `https://${host}:${port}`),
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
