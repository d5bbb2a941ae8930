import { expect, test } from "vitest";
import { renderReport } from "./render-report.ts";

test("renderReport() escapes what customers typed", () => {
  const html = renderReport({
    date: "<today>",
    visits: [{ start: "2026-10-05T08:00:00Z", title: "A & B", customer: "<script>alert(1)" }],
    overlaps: 1,
    duplicates: [{ names: ['"x"', "'y'"] }],
    openRequests: 2,
  });
  expect(html).not.toContain("<script>");
  expect(html).toContain("08:00 A &amp; B (&lt;script&gt;alert(1))");
  expect(html).toContain("&quot;x&quot; = &#39;y&#39;");
  expect(html).toContain("&lt;today&gt;");
});

test("renderReport() shows a dash where there is nothing", () => {
  const empty = { date: "today", visits: [], overlaps: 0, duplicates: [], openRequests: 0 };
  expect(renderReport(empty).match(/<p>–<\/p>/g)).toHaveLength(2);
});
