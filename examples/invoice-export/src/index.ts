import {
  definePlugin,
  type Appointment,
  type Customer,
  type PluginApi,
} from "@rising-bsm/plugin-sdk";
import { invoiceLines, toCsv, type InvoiceLine, type Rates } from "./invoice-lines.ts";

const LARGEST_PAGE = 100;
const PREVIEW_LINES = 3;
const MONTH = /^\d{4}-(?:0[1-9]|1[0-2])$/;
const PAYMENT_REQUIRED = 402;

export default definePlugin({
  methods: {
    /** The first lines of a month (`2026-10`) and its sum. Free. */
    async preview(month?: string | null) {
      const lines = await linesOf(this.api, month ?? null);
      return {
        lines: lines.slice(0, PREVIEW_LINES),
        count: lines.length,
        grossCents: lines.reduce((sum, line) => sum + line.grossCents, 0),
        license: this.api.license.info().state,
      };
    },
    /** All lines of a month as CSV. Needs the entitlement `export`, and `datev` for that layout. */
    async exportCsv(month?: string | null, layout?: "plain" | "datev" | null) {
      const missing = missingEntitlement(this.api, layout ?? "plain");
      if (missing !== null) return { licensed: false, missing, lines: 0, csv: null };
      const lines = await linesOf(this.api, month ?? null);
      return {
        licensed: true,
        missing: null,
        lines: lines.length,
        csv: toCsv(lines, layout ?? "plain"),
      };
    },
  },
  async handleRequest(request) {
    const { searchParams } = new URL(request.url);
    const layout = searchParams.get("layout") === "datev" ? "datev" : "plain";
    const missing = missingEntitlement(this.api, layout);
    if (missing !== null) {
      return Response.json({ error: "license", missing }, { status: PAYMENT_REQUIRED });
    }
    const csv = toCsv(await linesOf(this.api, searchParams.get("month")), layout);
    return new Response(csv, {
      headers: {
        "content-type": "text/csv; charset=utf-8",
        "content-disposition": 'attachment; filename="invoices.csv"',
      },
    });
  },
});

function missingEntitlement(api: PluginApi, layout: "plain" | "datev"): string | null {
  const wanted = layout === "datev" ? ["export", "datev"] : ["export"];
  return wanted.find((entitlement) => !api.license.has(entitlement)) ?? null;
}

function ratesOf({ config }: PluginApi): Rates {
  const { hourlyRate, vatPercent } = config;
  return {
    hourlyRate: typeof hourlyRate === "number" ? hourlyRate : 68,
    vatPercent: typeof vatPercent === "number" ? vatPercent : 19,
  };
}

async function linesOf(api: PluginApi, month: string | null): Promise<InvoiceLine[]> {
  if (month !== null && !MONTH.test(month)) throw new TypeError(`No month: ${month} (2026-10)`);
  const appointments = await completedAppointments(api, month);
  const ids = new Set(appointments.flatMap(({ customerId }) => customerId ?? []));
  const customers = new Map<number, Customer>();
  for (const id of ids) {
    const customer = await api.customers.get(id);
    if (customer !== null) customers.set(id, customer);
  }
  return invoiceLines(appointments, customers, ratesOf(api));
}

async function completedAppointments(api: PluginApi, month: string | null): Promise<Appointment[]> {
  const range = month === null ? {} : monthRange(month);
  const found: Appointment[] = [];
  for (let page = 1; ; page += 1) {
    const { items, total } = await api.appointments.list({
      ...range,
      status: "COMPLETED",
      page,
      limit: LARGEST_PAGE,
    });
    found.push(...items);
    if (items.length === 0 || found.length >= total) return found;
  }
}

function monthRange(month: string): { startDate: string; endDate: string } {
  const start = new Date(`${month}-01T00:00:00.000Z`);
  const next = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1);
  return { startDate: start.toISOString(), endDate: new Date(next - 1).toISOString() };
}
