import { definePlugin, type Customer, type PluginApi } from "@rising-bsm/plugin-sdk";
import { matchCustomers, type MatchReason } from "./match-customers.ts";

/** Two entries that seem to be one customer, the older one first. */
export type Pair = { ids: [number, number]; names: [string, string]; reasons: MatchReason[] };

const LARGEST_PAGE = 100;

export default definePlugin({
  methods: {
    /** All pairs among all customers, found anew. */
    async find() {
      const customers = await allCustomers(this.api);
      const pairs = customers.flatMap((customer, index) =>
        pairsOf(customer, customers.slice(0, index)),
      );
      await Promise.all(pairs.map((pair) => remember(this.api, pair)));
      return pairs;
    },
    /** The pairs that one customer is part of. */
    async check(id: number) {
      const customer = await this.api.customers.get(id);
      return customer === null ? [] : pairsOf(customer, await allCustomers(this.api));
    },
    /** The pairs that were noticed so far, without looking again. */
    async known() {
      const { keys } = await this.api.storage.list({ prefix: "pair/", limit: 1_000 });
      return Promise.all(keys.map((key) => this.api.storage.get(key)));
    },
  },
  hooks: {
    async "customers.created"({ customer }) {
      const news: Pair[] = [];
      for (const pair of pairsOf(customer, await allCustomers(this.api))) {
        if (await remember(this.api, pair)) news.push(pair);
      }
      if (news.length > 0) await report(this.api, customer, news);
    },
    async "customers.updated"({ customer }) {
      await forget(this.api, customer.id);
      for (const pair of pairsOf(customer, await allCustomers(this.api))) {
        await remember(this.api, pair);
      }
    },
    async "customers.deleted"({ customer }) {
      await forget(this.api, customer.id);
    },
  },
});

async function allCustomers(api: PluginApi): Promise<Customer[]> {
  const customers: Customer[] = [];
  for (let page = 1; ; page += 1) {
    const { items, total } = await api.customers.list({
      page,
      limit: LARGEST_PAGE,
      sortBy: "createdAt",
    });
    customers.push(...items);
    if (items.length === 0 || customers.length >= total) return customers;
  }
}

function pairsOf(customer: Customer, others: readonly Customer[]): Pair[] {
  return others
    .filter((other) => other.id !== customer.id)
    .map((other) => toPair(customer, other))
    .filter((pair) => pair.reasons.length > 0);
}

function toPair(a: Customer, b: Customer): Pair {
  const [first, second] = a.id < b.id ? [a, b] : [b, a];
  return {
    ids: [first.id, second.id],
    names: [first.name, second.name],
    reasons: matchCustomers(first, second),
  };
}

function keyOf({ ids }: Pair): string {
  return `pair/${ids.join("-")}`;
}

/** True for a pair that was not known before: of two that try at once, one gets it. */
async function remember(api: PluginApi, pair: Pair): Promise<boolean> {
  try {
    await api.storage.set(keyOf(pair), pair, { ifVersion: 0 });
    return true;
  } catch (error) {
    if (Reflect.get(Object(error), "code") === "conflict_row_version") return false;
    throw error;
  }
}

async function forget(api: PluginApi, id: number): Promise<void> {
  const { keys } = await api.storage.list({ prefix: "pair/", limit: 1_000 });
  const gone = keys.filter((key) => key.slice("pair/".length).split("-").includes(String(id)));
  await Promise.all(gone.map((key) => api.storage.delete(key)));
}

/** Tells people. Both ways are optional permissions: without them the pair is only remembered. */
async function report(api: PluginApi, customer: Customer, pairs: readonly Pair[]): Promise<void> {
  const others = pairs.map(({ ids, names, reasons }) => {
    const index = ids[0] === customer.id ? 1 : 0;
    return `#${ids[index]} ${names[index]} (${reasons.join(", ")})`;
  });
  const text = `Vermutlich doppelt / probably a duplicate of: ${others.join("; ")}`;
  const results = await Promise.allSettled([
    api.customers.notes.add(customer.id, text),
    api.notifications.send({
      to: "installer",
      type: "WARNING",
      title: `Doppelter Kunde / duplicate: ${customer.name}`.slice(0, 100),
      message: text,
    }),
  ]);
  for (const result of results) {
    if (result.status === "rejected") api.log("warn", `Could not tell: ${result.reason}`);
  }
}
