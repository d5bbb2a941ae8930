import {
  base64,
  base64url,
  packBundle,
  proveKeyPossession,
  signBundle,
  signingKeyFromSeed,
  utf8,
} from "@rising-bsm/protocol";
import type { SigningKey } from "@rising-bsm/protocol";
import { z } from "zod";
import { createTrust } from "../../scripts/ceremony.ts";
import { postJson } from "../../scripts/demo/http.ts";
import { startLocalWorker } from "./local-worker.ts";
import { atMost, percentile, ratio, report, spread, timings, type Figure } from "./measure.ts";

const PUBLISHES = 40;
/** What one publish writes: objects in the buckets, and batches or single statements of the databases. */
const PUTS = 13;
const BATCHES = 23;

interface Publisher {
  readonly url: string;
  readonly token: string;
  readonly key: SigningKey;
}

/** A publisher with a scope and an enrolled key, on a marketplace whose ceremony is done. */
async function createPublisher(
  url: string,
  trust: Awaited<ReturnType<typeof createTrust>>,
): Promise<Publisher> {
  const admin = { token: trust.secrets.ADMIN_TOKEN };
  const { root, targets, serviceKeys, policy, revocations } = trust;
  const files = Object.entries({ root, targets, serviceKeys, policy, revocations });
  const body = Object.fromEntries(files.map(([name, bytes]) => [name, base64(bytes)]));
  await postJson(`${url}/v1/trust`, body, { ...admin, method: "PUT" });
  await postJson(`${url}/v1/publishers`, { name: "acme", displayName: "Acme" }, admin);
  await postJson(`${url}/v1/scopes`, { scope: "@acme", publisher: "acme" }, admin);
  const order = { publisher: "acme", permissions: ["publish", "keys"] };
  const { token } = z
    .object({ token: z.string() })
    .parse(await postJson(`${url}/v1/tokens`, order, admin));
  const key = await signingKeyFromSeed(crypto.getRandomValues(new Uint8Array(32)));
  const { challenge } = z
    .object({ challenge: z.string() })
    .parse(await postJson(`${url}/v1/keys/challenge`, {}, { token }));
  const signature = await proveKeyPossession(key, challenge);
  const publicKey = base64url(key.publicKey);
  await postJson(`${url}/v1/keys`, { publicKey, challenge, signature }, { token });
  return { url, token, key };
}

async function buildBundle(key: SigningKey, version: string): Promise<Uint8Array<ArrayBuffer>> {
  const manifest = { name: "@acme/measured", version, main: "index.js" };
  const whole = { ...manifest, permissions: [], dependencies: {} };
  const files = new Map([
    ["index.js", utf8("export default class {}\n")],
    ["manifest.json", utf8(JSON.stringify(whole))],
  ]);
  return packBundle(await signBundle(files, key));
}

/** Milliseconds of each publish; the plugin gets one more version each time. */
async function publishTimes({ url, token, key }: Publisher, minor: number): Promise<number[]> {
  const bundles = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let at = 0; at < PUBLISHES + 3; at++) {
    bundles.set(`1.${minor}.${at}`, await buildBundle(key, `1.${minor}.${at}`));
  }
  const waiting = [...bundles];
  return timings(async () => {
    const [version, body] = waiting.shift() ?? ["", new Uint8Array()];
    const address = `${url}/v1/plugins/@acme/measured/versions/${version}`;
    const headers = {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/octet-stream",
    };
    const answer = await fetch(address, { method: "PUT", headers, body });
    if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  }, PUBLISHES);
}

/** Publish with its place in the log, documents and catalogue: ≤ 250 ms p50. */
async function publish(): Promise<Figure[]> {
  const trust = await createTrust({ now: new Date() });
  const bareWorker = { name: "bare", main: "tests/bench/bare-publisher.ts" };
  const { harness, url } = await startLocalWorker(trust.secrets, [bareWorker]);
  const publisher = await createPublisher(url.href.replace(/\/$/, ""), trust);
  const bare = harness.getWorker("bare");
  const body = await buildBundle(publisher.key, "0.0.1");
  const baseline = await timings(
    async () =>
      (await bare.fetch(`/?puts=${PUTS}&batches=${BATCHES}`, { method: "POST", body })).text(),
    PUBLISHES,
  );
  const times = await publishTimes(publisher, 0);
  await harness.close();
  const [ours, base] = [percentile(times, 0.5), percentile(baseline, 0.5)];
  return [
    {
      name: "publish a version: checked, logged, co-signed, listed",
      value: spread(times),
      baseline: `bare Worker, ${PUTS} R2 writes and ${BATCHES} D1 batches: ${spread(baseline)}`,
      ratio: ratio(ours, base),
      ...atMost(ours, 250, "ms p50"),
    },
  ];
}

report(await publish());
