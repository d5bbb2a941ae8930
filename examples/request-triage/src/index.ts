import { definePlugin, type ContactRequest, type PluginApi } from "@rising-bsm/plugin-sdk";
import { classify, type Triage } from "./classify.ts";

const LARGEST_PAGE = 100;

export default definePlugin({
  methods: {
    /** What the plugin makes of a text, without touching any request. */
    classify(message: string) {
      return classify(message);
    },
    /** Sorts one request now. */
    async triage(id: number) {
      const request = await this.api.requests.get(id);
      return request === null ? null : triage(this.api, request);
    },
    /** Sorts every new request, and says how many of which urgency there were. */
    async triageAll() {
      const { items } = await this.api.requests.list({ status: "NEW", limit: LARGEST_PAGE });
      const counts: Record<Triage["urgency"], number> = { urgent: 0, normal: 0, low: 0 };
      for (const request of items) counts[(await triage(this.api, request)).urgency] += 1;
      return counts;
    },
    /** How many requests of each status there are. */
    async summary() {
      const statuses = ["NEW", "IN_PROGRESS", "COMPLETED", "CANCELLED"] as const;
      const pages = await Promise.all(
        statuses.map((status) => this.api.requests.list({ status, limit: 1 })),
      );
      return Object.fromEntries(
        statuses.map((status, index) => [status, pages[index]?.total ?? 0]),
      );
    },
  },
  hooks: {
    async "requests.created"({ request }) {
      await triage(this.api, request);
    },
  },
});

async function triage(api: PluginApi, request: ContactRequest): Promise<Triage> {
  const result = classify(request.message);
  await api.requests.data.put(request.id, { category: "triage", label: "Triage", data: result });
  if (result.kind === "advertising") await setAside(api, request);
  if (result.urgency === "urgent") await raise(api, request, result);
  await tryOptional(api, "link the customer", () => linkCustomer(api, request));
  return result;
}

async function setAside(api: PluginApi, request: ContactRequest): Promise<void> {
  if (api.config["closeAdvertising"] === false) return;
  await api.requests.setStatus(request.id, "CANCELLED", "Werbung / advertising");
}

async function raise(api: PluginApi, request: ContactRequest, result: Triage): Promise<void> {
  const reason = result.because.join(", ");
  await tryOptional(api, "notify", () =>
    api.notifications.send({
      to: "installer",
      type: "REQUEST",
      title: `Dringend / urgent: ${request.name}`.slice(0, 100),
      message: `${request.message}\n(${reason})`,
    }),
  );
  const userId = api.config["assignUrgentTo"];
  if (typeof userId !== "number" || request.processorId !== null) return;
  await tryOptional(api, "assign", () => api.requests.assign(request.id, userId, reason));
}

async function linkCustomer(api: PluginApi, request: ContactRequest): Promise<void> {
  if (request.customerId !== null) return;
  const { items } = await api.customers.list({ search: request.email, limit: LARGEST_PAGE });
  const email = request.email.toLowerCase();
  const customer = items.find((found) => found.email?.toLowerCase() === email);
  if (customer !== undefined) await api.requests.linkCustomer(request.id, customer.id);
}

/** Work whose permission is optional: without it the rest goes on. */
async function tryOptional(
  api: PluginApi,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    api.log("info", `Could not ${what}: ${String(error)}`);
  }
}
