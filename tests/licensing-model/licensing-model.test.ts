import {
  array,
  assert,
  asyncModelRun,
  asyncProperty,
  boolean,
  constantFrom,
  nat,
  tuple,
} from "fast-check";
import { afterAll, beforeAll, inject, test } from "vitest";
import { everything } from "./commands.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";
import { DAY } from "./ledger.ts";
import { PLANS } from "./plans.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** How many random sequences, and which ones when they are to be the same again. */
    licensingModel: { runs: number; seed: number | null };
  }
}

/** What is sold before anything else happens, and whether it is in use already. */
const onSale = array(
  tuple(
    constantFrom(...PLANS),
    boolean().map((no) => !no),
  ),
  {
    minLength: 1,
    maxLength: 3,
  },
);
let fixture: Fixture;

beforeAll(async () => {
  fixture = await openFixture();
}, 120_000);
afterAll(() => fixture.close());

test("whatever happens in whatever order, what was sold is what is unlocked", async () => {
  const { runs, seed } = inject("licensingModel");
  await assert(
    asyncProperty(nat({ max: 365 }), onSale, everything, async (day, sales, steps) => {
      const setup = async () => {
        const from = NOON + day * DAY;
        const world = await fixture.world({ machines: sales.length + 1, from });
        for (const [n, [{ id }, isUsed]] of sales.entries()) {
          await world.seller.issue(id);
          if (isUsed) await world.machine(n).activate(world.license(n).key);
        }
        return { model: world, real: world };
      };
      await asyncModelRun(setup, steps);
    }),
    { numRuns: runs, ...(seed === null ? {} : { seed }) },
  );
}, 900_000);
