import { BEACON_LIMITS, parseManifest, utf8, type Visibility } from "@rising-bsm/protocol";
import { array, assert, boolean, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import type { Slot } from "../lifecycle/slots.ts";
import { type LastReport, planReport, reportedPlugins } from "./plan-report.ts";

const HOUR_MS = 3_600_000;
const NOON = Date.parse("2026-11-23T12:00:00Z");
const KEYS = ["00000000", "3fffffff", "80000000", "ffffffff"].map((at) => at.padEnd(64, "0"));

/** Looks again and again; the days of what was sent, and how often it was tried in each own day. */
function run(key: string, looks: readonly { hours: number; fails: boolean }[]) {
  const sent: string[] = [];
  const tries = new Map<number, number>();
  let last: LastReport | null = null;
  let now = NOON;
  for (const { hours, fails } of looks) {
    now += hours * HOUR_MS;
    const next = planReport(key, now, last);
    if (next === null) continue;
    last = { ...next, sent: !fails };
    tries.set(next.ownDay, (tries.get(next.ownDay) ?? 0) + 1);
    if (!fails) sent.push(next.day);
  }
  return { sent, tries: [...tries.values()] };
}

test("each day is reported at most once, in order, and tried a few times", () => {
  const look = record({ hours: integer({ min: 0, max: 30 }), fails: boolean() });
  assert(
    property(integer({ min: 0, max: 3 }), array(look, { maxLength: 80 }), (key, looks) => {
      const { sent, tries } = run(KEYS[key] ?? "", looks);
      expect(sent).toEqual([...new Set(sent)].toSorted());
      expect(Math.max(0, ...tries)).toBeLessThanOrEqual(BEACON_LIMITS.attempts);
    }),
  );
});

test.each(KEYS)("a host that looks every six hours reports daily (key %s)", (key) => {
  const looks = Array.from({ length: 4 * 60 }, () => ({ hours: 6, fails: false }));
  const { sent } = run(key, looks);
  expect(sent.length).toBeGreaterThanOrEqual(59);
});

test("keys spread the reports of hosts over the day", () => {
  const begins = KEYS.map((key) => {
    let hour = 0;
    const first = planReport(key, NOON, null)?.ownDay;
    while (planReport(key, NOON + hour * HOUR_MS, null)?.ownDay === first) hour += 1;
    return hour;
  });
  expect(begins).toEqual([12, 18, 24, 12]);
});

test("a clock that was years ahead for a moment ends nothing when its report was refused", () => {
  const ahead = planReport(KEYS[0] ?? "", NOON + 5 * 365 * 24 * HOUR_MS, null);
  expect(planReport(KEYS[0] ?? "", NOON, ahead)?.day).toBe("2026-11-23");
});

function slotOf(
  name: string,
  {
    source = "marketplace",
    visibility = "public",
    version = "1.0.0",
  }: { source?: Slot["row"]["source"]; visibility?: Visibility; version?: string } = {},
): Slot {
  const digest = "0".repeat(64);
  const at = "2026-11-23T00:00:00Z";
  const manifest = { name, version, main: "index.js", permissions: [], dependencies: {} };
  const release = {
    version,
    sha256: digest,
    size: 1,
    treeDigest: digest,
    seq: 1,
    publishedAt: at,
    publisherKeyId: digest,
    logIndex: 1,
    paid: false,
    dependencies: {},
    grants: [],
    approvedBy: "test",
    approvedAt: at,
  };
  return {
    row: {
      name,
      wanted: "active",
      source,
      direct: true,
      installedAt: at,
      updatedAt: at,
      config: {},
      release,
      previous: null,
    },
    manifest: parseManifest(utf8(JSON.stringify({ ...manifest, visibility }))),
    problem: null,
    running: null,
  };
}

test("only public plugins that came from the marketplace are named", () => {
  const slots = [
    slotOf("@b/public"),
    slotOf("@a/public"),
    slotOf("@a/sideloaded", { source: "sideload" }),
    slotOf("@a/unlisted", { visibility: "unlisted" }),
    slotOf("@a/private", { visibility: "private" }),
    { ...slotOf("@a/damaged"), manifest: null },
  ];
  expect(reportedPlugins(slots, []).map(({ name }) => name)).toEqual(["@a/public", "@b/public"]);
  const many = Array.from({ length: BEACON_LIMITS.plugins + 1 }, (_, at) => slotOf(`@a/p${at}`));
  expect(reportedPlugins(many, [])).toHaveLength(BEACON_LIMITS.plugins);
});

test("a list that is too long in bytes names the first by name", () => {
  const long = Array.from({ length: BEACON_LIMITS.plugins }, (_, at) =>
    slotOf(`@${"a".repeat(60)}/${"p".repeat(57)}${String(at).padStart(3, "0")}`, {
      version: `1.0.0-${"x".repeat(120)}`,
    }),
  );
  const plugins = reportedPlugins(long, []);
  const { length } = JSON.stringify({ day: "2026-11-23", plugins });
  expect(length).toBeLessThanOrEqual(64 * 1024);
  expect(length).toBeGreaterThan(62 * 1024);
  expect(plugins.map(({ name }) => name)).toEqual(
    long.slice(0, plugins.length).map(({ row }) => row.name),
  );
});
