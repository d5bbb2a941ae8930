import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    readonly webhookReceiver: string;
  }
}

/** What a path answers, once the whole request has come. */
const ANSWERS: Record<string, (response: ServerResponse) => void> = {
  "/well": (response) => void response.writeHead(204).end(),
  "/busy": (response) => void response.writeHead(503, { "Retry-After": "120" }).end("later"),
  "/redirect": (response) => void response.writeHead(307, { Location: "/well" }).end(),
  "/endless": (response) => {
    const write = (): void => {
      if (response.closed) return;
      if (response.write(Buffer.alloc(65_536))) setImmediate(write);
      else response.once("drain", write);
    };
    write();
  },
  "/closed": (response) => void response.destroy(),
};

/**
 * A server on loopback for tests in workerd, which cannot have one: remembers each request, and tells
 * at `/received` what came since it was asked last. Runs as long as the project's tests.
 */
export default async function startReceiver(project: TestProject): Promise<() => void> {
  let received: object[] = [];
  const server = createServer((request, response) => {
    const { url: path = "", headers } = request;
    if (path === "/received") {
      response.end(JSON.stringify(received));
      received = [];
      return;
    }
    const take = async () => {
      received.push({ path, headers, body: await text(request) });
      ANSWERS[path]?.(response);
    };
    take().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  project.provide("webhookReceiver", `http://127.0.0.1:${port}`);
  return () => {
    server.closeAllConnections();
    server.close();
  };
}
