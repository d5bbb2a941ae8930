import { base64url } from "@rising-bsm/protocol";
import {
  assert,
  asyncProperty,
  integer,
  record,
  stringMatching,
  uint8Array,
  uuid,
} from "fast-check";
import { expect, test } from "vitest";
import { mac } from "../mac.ts";
import { signDownloadUrl, verifyDownloadUrl } from "./download-url.ts";
import type { DownloadGrant } from "./download-url.ts";

const ORIGIN = "https://marketplace.test";
const SAMPLE = { path: `/b/${"0".repeat(64)}.rbsm`, instanceId: "i", expiresAtS: 4_000_000_000 };
const secret = new Uint8Array(32).fill(7);

const grants = record({
  path: stringMatching(/^\/b\/[0-9a-f]{64}\.rbsm$/),
  instanceId: uuid(),
  expiresAtS: integer({ min: 1, max: 4_000_000_000 }),
});
const keys = uint8Array({ minLength: 32, maxLength: 32 }).map((seed) => new Uint8Array(seed));

async function urlOf(key: Uint8Array<ArrayBuffer>, grant: DownloadGrant): Promise<URL> {
  return new URL(await signDownloadUrl(key, grant), ORIGIN);
}

/** The last moment at which the grant holds. */
function before({ expiresAtS }: DownloadGrant): Date {
  return new Date(expiresAtS * 1000 - 1);
}

function withParameter(url: URL, name: string, value: string): URL {
  const changed = new URL(url);
  changed.searchParams.set(name, value);
  return changed;
}

test("a link opens what it was made for until it ends, whatever stands beside it", async () => {
  await assert(
    asyncProperty(keys, grants, async (key, grant) => {
      const good = await urlOf(key, grant);
      expect(await verifyDownloadUrl(key, good, before(grant))).toBe(true);
      expect(await verifyDownloadUrl(key, good, new Date(grant.expiresAtS * 1000))).toBe(false);
      good.searchParams.append("x", grant.path);
      expect(await verifyDownloadUrl(key, good, before(grant))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("a link opens nothing else: no other path, end, instance or key", async () => {
  await assert(
    asyncProperty(
      record({ grant: grants, key: keys }),
      record({ grant: grants, key: keys }),
      async (mine, other) => {
        const good = await urlOf(mine.key, mine.grant);
        const holds = (url: URL, key = mine.key) => verifyDownloadUrl(key, url, before(mine.grant));
        const later = mine.grant.expiresAtS + other.grant.expiresAtS;
        expect(await holds(withParameter(good, "e", String(later)))).toBe(false);
        const { instanceId } = other.grant;
        const isSame = instanceId === mine.grant.instanceId;
        expect(await holds(withParameter(good, "i", instanceId))).toBe(isSame);
        const elsewhere = new URL(other.grant.path + good.search, ORIGIN);
        expect(await holds(elsewhere)).toBe(other.grant.path === mine.grant.path);
        expect(await holds(good, other.key)).toBe(base64url(other.key) === base64url(mine.key));
      },
    ),
    { numRuns: 50 },
  );
});

test("the version of the key is part of what is signed", async () => {
  const good = await urlOf(secret, SAMPLE);
  const { path, expiresAtS, instanceId } = SAMPLE;
  const code = async (...parts: unknown[]) =>
    base64url(await mac(secret, "download", JSON.stringify(parts)));
  expect(good.searchParams.get("m")).toBe(await code(path, expiresAtS, instanceId, "1"));
  for (const version of [[], ["0"], ["2"]]) {
    const other = withParameter(good, "m", await code(path, expiresAtS, instanceId, ...version));
    expect(await verifyDownloadUrl(secret, other, before(SAMPLE))).toBe(false);
  }
});

test("a code is good in its own spelling alone, and so is the end of a link", async () => {
  const good = await urlOf(secret, SAMPLE);
  const code = good.searchParams.get("m") ?? "";
  const spellings = [`${code}=`, ` ${code}`, code.toUpperCase(), code.slice(0, -1), `${code}A`, ""];
  for (const spelling of spellings) {
    const url = withParameter(good, "m", spelling);
    expect(await verifyDownloadUrl(secret, url, before(SAMPLE))).toBe(false);
  }
  for (const end of ["", "-1", "4e9", "+4000000000", "4000000000.0", " 4000000000"]) {
    const url = withParameter(good, "e", end);
    expect(await verifyDownloadUrl(secret, url, before(SAMPLE))).toBe(false);
  }
});
