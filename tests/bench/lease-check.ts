/**
 * What it costs a host to ask whether a license allows something, as it does before each call of a
 * plugin: state, entitlements and description, of one plugin among a hundred with leases. Nothing is
 * sent, which is counted. Beside it a bare look into a Map and a comparison of two numbers, and the
 * verification of the lease's signature, which is done once when it comes.
 */
import {
  base64url,
  keyThumbprint,
  LEASE_ISSUER,
  signLease,
  type SigningKey,
  verifyLease,
} from "@rising-bsm/protocol";
import { createLicenseRows, NO_SEAT } from "../../host-sdk/license/license-rows.ts";
import { openLicenses } from "../../host-sdk/license/licenses.ts";
import { createMemoryStore } from "../../host-sdk/store/memory-store.ts";
import { randomKey } from "../../host-sdk/testing/static-marketplace.ts";
import { atMost, type Figure, NO_GOAL, percentile, ratio, report, timings } from "./measure.ts";

const PLUGINS = 100;
const ROUNDS = 200;
/** One look takes less than the clock can tell: so many are timed together. */
const LOOKS = 1_000;
const DAY_S = 86_400;
const NOW_S = Math.floor(Date.now() / 1000);

async function leaseOf(plugin: string, leaseKey: SigningKey, instance: SigningKey) {
  const claims = {
    iss: LEASE_ISSUER,
    aud: "instance-1",
    sub: `license of ${plugin}`,
    jti: `${plugin}.1`,
    iat: NOW_S,
    nbf: NOW_S,
    exp: NOW_S + 14 * DAY_S,
    lic: {
      kind: "subscription",
      until: NOW_S + 365 * DAY_S,
      updatesUntil: null,
      grace: 14 * DAY_S,
      seats: 3,
      users: null,
    },
    plugin,
    ent: { export: true, rows: 500, support: true, beta: false },
    cnf: { jkt: await keyThumbprint(instance.publicKey) },
    seq: 1,
    org: "Muster GmbH",
  } as const;
  return signLease(claims, { kid: leaseKey.keyId, privateKey: leaseKey });
}

/** A host's licenses with a hundred leases, and what it has sent since. */
async function openHundred(leaseKey: SigningKey) {
  const key = await randomKey();
  const store = createMemoryStore();
  const rows = createLicenseRows(store, key.keyId);
  await rows.writeInstanceId("instance-1");
  const names = Array.from({ length: PLUGINS }, (_, at) => `@bench/plugin-${at}`);
  for (const plugin of names) {
    const lease = await leaseOf(plugin, leaseKey, key);
    const seat = { ...NO_SEAT, activationId: `activation of ${plugin}`, lease, seq: 1 };
    await rows.writeSeat(plugin, { seat, version: null });
  }
  let sent = 0;
  const sendJson = async () => {
    sent += 1;
    throw new Error("nothing is sent");
  };
  const { publicKey, keyId: kid } = leaseKey;
  const { licenses } = await openLicenses({
    store,
    server: { url: "http://localhost", sendJson },
    key,
    leaseKeys: async () => [{ kid, publicKey: base64url(publicKey), from: "2026-01-01T00:00:00Z" }],
    readClock: () => ({ system: Date.now(), monotonic: performance.now() }),
  });
  return { licenses, names, sent: () => sent };
}

/** Milliseconds that one call of `look` takes, by round; sorted. */
async function lookTimes(look: (at: number) => unknown): Promise<number[]> {
  let at = 0;
  const round = () => {
    for (let n = 0; n < LOOKS; n += 1) look(at++);
  };
  return (await timings(round, ROUNDS)).map((ms) => ms / LOOKS);
}

const micro = (ms: number) => `${(ms * 1000).toFixed(2)} µs`;
const halfAnd99 = (times: readonly number[]) =>
  `p50 ${micro(percentile(times, 0.5))}, p99 ${micro(percentile(times, 0.99))}`;

const leaseKey = await randomKey();
const { licenses, names, sent } = await openHundred(leaseKey);
const nameAt = (at: number) => names[at % PLUGINS] ?? "";
const ends = new Map(names.map((name) => [name, Date.now() + 1e9]));

const bare = await lookTimes((at) => (ends.get(nameAt(at)) ?? 0) > Date.now());
const call = await lookTimes((at) => [
  licenses.entitlements(nameAt(at), 0),
  licenses.info(nameAt(at), 0),
]);
const described = await lookTimes((at) => licenses.describe(nameAt(at), 0));
const lease = await leaseOf(nameAt(0), leaseKey, await randomKey());
const trust = { keys: () => leaseKey.publicKey, audience: "instance-1" };
const verified = await timings(() => verifyLease(lease, trust), 200);

const baseline = `Map and comparison: p50 ${micro(percentile(bare, 0.5))}`;
const figure = (name: string, times: readonly number[]): Figure => ({
  name,
  value: `${halfAnd99(times)}, ${sent()} requests`,
  baseline,
  ratio: ratio(percentile(times, 0.5), percentile(bare, 0.5)),
  ...atMost(sent() === 0 ? percentile(times, 0.99) : Infinity, 0.5, "ms at p99, 0 requests"),
});
report([
  figure("license before a call: entitlements and info", call),
  figure("license for people: description and warning", described),
  {
    name: "lease verified, once when it comes",
    value: halfAnd99(verified),
    baseline,
    ratio: ratio(percentile(verified, 0.5), percentile(bare, 0.5)),
    ...NO_GOAL,
  },
]);
