import { RbsmError } from "@rising-bsm/protocol";
import { expect, test } from "vitest";
import { createMemoryStore } from "../store/memory-store.ts";
import { createBroker } from "../broker/broker.ts";
import {
  type Customer,
  DOMAIN_METHODS,
  type DomainContext,
  type DomainMethod,
  type DomainPort,
  isDomainMethod,
} from "../index.ts";

const ADA: Customer = {
  id: 1,
  name: "Ada",
  company: null,
  email: null,
  phone: null,
  address: null,
  postalCode: null,
  city: null,
  country: "Österreich",
  vatNumber: null,
  newsletter: false,
  status: "ACTIVE",
  type: "PRIVATE",
  createdAt: "2026-10-05T07:00:00.000Z",
  updatedAt: "2026-10-05T07:00:00.000Z",
};

/** An application with one customer, built from what the package exports and nothing else. */
function createTinyDomain(asked: [DomainMethod, DomainContext][]): DomainPort {
  return {
    async call(method, args, context) {
      asked.push([method, context]);
      if (method !== "customers.get") throw new RbsmError("not_found");
      const [id] = DOMAIN_METHODS[method].args.parse(args);
      return id === ADA.id ? ADA : null;
    },
    onEvent: () => () => undefined,
  };
}

test("a domain of one's own is written with the package's exports alone", async () => {
  const asked: [DomainMethod, DomainContext][] = [];
  const broker = createBroker({
    store: createMemoryStore(),
    domain: createTinyDomain(asked),
    logger: { error: () => undefined },
    now: () => 0,
    audit: () => undefined,
    callPlugin: async () => null,
  });
  const context = {
    plugin: "@acme/hello",
    grants: ["customers.view"],
    dependencies: [],
    actor: { id: "7f3a", permissions: "all" },
    depth: 0,
  };
  expect(await broker.handle(context, { method: "customers.get", args: [1] })).toEqual(ADA);
  expect(asked).toEqual([["customers.get", { plugin: "@acme/hello", actorId: "7f3a" }]]);
  expect(Object.keys(DOMAIN_METHODS).every(isDomainMethod)).toBe(true);
});
