import { vi } from "vitest";
import { standInFetch } from "../../workers/orders/sample-order.ts";
import { stripeStandIn } from "../../workers/orders/stripe-stand-in.ts";
import { buildBundle, createAccount, publish, resetMarketplace } from "../../workers/testing.ts";
import { copyDatabase, type DatabaseCopy, forbidDeleting } from "./database.ts";
import { Ledger } from "./ledger.ts";
import { PLUGIN, PRICING } from "./plans.ts";
import { World } from "./world.ts";

/** When worlds begin. */
export const NOON = Date.UTC(2026, 9, 10, 12);

/** A marketplace that sells one plugin, at a time that tests set. */
export interface Fixture {
  readonly world: (options: { machines: number; from?: number }) => Promise<World>;
  readonly close: () => void;
}

/** For `beforeAll`; the Worker runs in this isolate, so its clock is the faked one too. */
export async function openFixture(): Promise<Fixture> {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(NOON);
  vi.stubGlobal("fetch", standInFetch(stripeStandIn()));
  // The Worker writes down every refusal, and here there are thousands.
  vi.spyOn(console, "error").mockReturnValue(undefined);
  await resetMarketplace();
  const account = await createAccount("model");
  const bundle = await buildBundle(account.key, { name: PLUGIN, pricing: PRICING });
  const answer = await publish({ name: PLUGIN, version: "1.0.0" }, bundle, account);
  if (!answer.ok) throw new Error(await answer.text());
  await forbidDeleting();
  const empty: DatabaseCopy = await copyDatabase(new Ledger(NOON));
  return {
    world: ({ machines, from = NOON }) => World.create(from, { machines, empty }),
    close() {
      vi.unstubAllGlobals();
      vi.restoreAllMocks();
      vi.useRealTimers();
    },
  };
}
