import type { Json } from "@rising-bsm/protocol";

/** What a first look at a started demo should show. `GET /path` asks the plugin's handleRequest. */
export const DEMO_CALLS: readonly (readonly [
  plugin: string,
  call: string,
  args: readonly Json[],
])[] = [
  ["@demo/hello", "GET /", []],
  ["@demo/day-planner", "next", [3]],
  ["@demo/duplicate-finder", "find", []],
  ["@demo/request-triage", "summary", []],
  ["@demo/daily-report", "report", []],
  ["@demo/invoice-export", "exportCsv", []],
  ["@demo/callback-form", "GET /topics", []],
];
