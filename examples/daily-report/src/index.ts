import { definePlugin, type Json, type PluginApi } from "@rising-bsm/plugin-sdk";
import { renderReport, type Report } from "./render-report.ts";

const PLANNER = "@demo/day-planner";
const DUPLICATES = "@demo/duplicate-finder";

export default definePlugin({
  methods: {
    /** The report of a day; without a date, of today. */
    report(date?: string | null) {
      return makeReport(this.api, date ?? null);
    },
  },
  async handleRequest(request) {
    const { pathname, searchParams } = new URL(request.url);
    const report = await makeReport(this.api, searchParams.get("date"));
    if (pathname === "/report.json") return report;
    return new Response(renderReport(report), {
      headers: { "content-type": "text/html; charset=utf-8" },
    });
  },
  schedules: {
    async evening() {
      const { visits, openRequests, duplicates } = await makeReport(this.api, null);
      await this.api.notifications.send({
        to: "installer",
        title: "Tagesbericht / daily report",
        message: `${visits.length} Termine, ${openRequests} offene Anfragen, ${duplicates.length} Dubletten`,
      });
    },
  },
});

async function makeReport(api: PluginApi, date: string | null): Promise<Report> {
  const [plan, overlaps, duplicates, requests] = await Promise.all([
    api.plugins.call(PLANNER, "plan", date),
    api.plugins.call(PLANNER, "overlaps", date),
    api.plugins.call(DUPLICATES, "find"),
    api.requests.list({ status: "NEW", limit: 1 }),
  ]);
  return {
    date: textOf(field(plan, "date")),
    visits: listOf(field(plan, "visits")).map((visit) => ({
      start: textOf(field(visit, "start")),
      title: textOf(field(visit, "title")),
      customer: textOf(field(field(visit, "customer"), "name")) || null,
    })),
    overlaps: listOf(overlaps).length,
    duplicates: listOf(duplicates).map((pair) => ({
      names: listOf(field(pair, "names")).map(textOf),
    })),
    openRequests: requests.total,
  };
}

/*
 * What another plugin answers is only known to be JSON: its next version may answer differently, and
 * a report with a gap is better than none.
 */
function field(value: Json, name: string): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value[name] ?? null)
    : null;
}

function listOf(value: Json): Json[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : "";
}
