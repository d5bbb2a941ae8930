import type { TestHost } from "@rising-bsm/host-sdk/testing";
import { expect } from "vitest";

/** A plugin object as its module exports it, here run by Node itself. */
export interface App {
  handleRequest(request: Request): Response | Promise<Response>;
}

/** A response with everything that a client sees of it. */
interface Seen {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly cookies: readonly string[];
  /** One character a byte. */
  readonly body: string;
}

async function seen(response: Response): Promise<Seen> {
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== "set-cookie"),
    cookies: response.headers.getSetCookie(),
    body: Buffer.from(await response.arrayBuffer()).toString("latin1"),
  };
}

/**
 * Sends the same request to the app in Node and to the plugin in the sandbox, and expects the same
 * response down to the last byte; answers it.
 */
export async function expectSame(
  { app, host }: { app: App; host: TestHost },
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  // The body may be a form, whose boundary is drawn anew: both get one and the same request.
  const original = new Request(`https://app.example${path}`, init);
  const inNode = await app.handleRequest(original.clone());
  const inSandbox = await host.request(original);
  expect(await seen(inSandbox.clone())).toEqual(await seen(inNode));
  return inSandbox;
}
