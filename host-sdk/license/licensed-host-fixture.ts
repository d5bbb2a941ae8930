import { type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { LICENSE_KEY } from "./license-fixture.ts";
import { createSampleLicenseServer, type SampleLicenseServer } from "./sample-license-server.ts";

/** A marketplace of files that also licenses, and the clocks of marketplace and hosts. */
export interface LicensedFixture extends Omit<HostFixture, "open"> {
  readonly licensing: SampleLicenseServer;
  /** Milliseconds that have passed since the real time, by the machine's and the marketplace's clock. */
  readonly ahead: { host: number; market: number };
  /** Publishes `HELLO` with a paid plan beside a free one. */
  sell(code: string, version?: string): Promise<void>;
  open(options?: Parameters<HostFixture["open"]>[0]): ReturnType<HostFixture["open"]>;
  /** The same with `HELLO` installed under its license. */
  openLicensed(): ReturnType<HostFixture["open"]>;
  /** Lets time pass for everybody. */
  pass(ms: number): void;
}

/** Starts the marketplace and makes the folder. */
export async function createLicensedFixture(): Promise<LicensedFixture> {
  const fixture = await createHostFixture();
  const { market } = fixture;
  const ahead = { host: 0, market: 0 };
  const licensing = createSampleLicenseServer(market.lease, () => Date.now() + ahead.market);
  market.intercept((request, response) => {
    if (request.url?.startsWith("/v1/") !== true) return false;
    passOn(licensing, { request, response, url: market.url }).catch(() => response.destroy());
    return true;
  });
  const clocks = {
    now: () => new Date(Date.now() + ahead.host),
    monotonic: () => performance.now() + ahead.market,
  };
  const open: LicensedFixture["open"] = (options) => fixture.open({ ...clocks, ...options });
  return {
    ...fixture,
    licensing,
    ahead,
    open,
    async sell(code, version = "1.0.0") {
      const pricing = {
        plans: [
          { id: "free", kind: "free" },
          { id: "pro", kind: "subscription" },
        ],
      };
      await market.publish({ name: HELLO, version, code, manifest: { pricing } });
    },
    async openLicensed() {
      const host = await open();
      await host.install(HELLO, { grant: "requested", licenseKey: LICENSE_KEY });
      return host;
    },
    pass(ms) {
      ahead.host += ms;
      ahead.market += ms;
    },
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: string;
}

async function passOn(
  licensing: SampleLicenseServer,
  { request, response, url: base }: Exchange,
): Promise<void> {
  const headers = { "rbsm-proof": String(request.headers["rbsm-proof"]) };
  const body = await buffer(request);
  const url = new URL(request.url ?? "", base);
  const answer = await licensing.fetch(url, { method: request.method ?? "", headers, body });
  response.writeHead(answer.status, { "content-type": "application/json" });
  response.end(await answer.text());
}
