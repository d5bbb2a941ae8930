/**
 * What it takes to verify one release from metadata at hand, beyond reading its bundle: document
 * against its shard, statement, publisher's key, log proof with its consistency, revocations. The
 * marketplace is a folder, so no network is in the figure. Beside it an update check of such a mirror
 * that has nothing new: the whole chain from the root verified again.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readBundle, utf8, verifyPublisher } from "@rising-bsm/protocol";
import { createMarketplace } from "../../host-sdk/client/marketplace.ts";
import { openMarketplaceReader } from "../../host-sdk/install/read-marketplace.ts";
import { startStaticMarketplace } from "../../host-sdk/testing/static-marketplace.ts";
import { openTrust } from "../../host-sdk/trust/trust.ts";
import {
  atMost,
  NO_GOAL,
  percentile,
  ratio,
  report,
  spread,
  timings,
  type Figure,
} from "./measure.ts";

const RUNS = 200;
const NAME = "@bench/hello";
/** Entries of the log before and after the release: its proof's checkpoint is an old one. */
const ENTRIES = 2_000;

async function verifyRelease(): Promise<Figure[]> {
  const market = await startStaticMarketplace();
  const folder = await mkdtemp(join(tmpdir(), "rbsm-bench-"));
  const append = async () => {
    for (let i = 0; i < ENTRIES; i += 1) await market.log.append(utf8(`entry ${i}`));
  };
  await append();
  const code = `export default { methods: { hi() { return "hi"; } } }; // ${"x".repeat(20_000)}`;
  const { sha256 } = await market.publish({ name: NAME, version: "1.0.0", code });
  await append();
  for (const [path, bytes] of [...market.files, ...(await market.log.files())]) {
    const file = join(folder, "mirror", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  const where = { url: join(folder, "mirror"), root: market.root };
  const reader = await openMarketplaceReader({ ...where, dataDir: join(folder, "reader") });
  const catalogue = await reader.refresh();
  const document = await catalogue.document(NAME);
  const check = async () => {
    await catalogue.document(NAME);
    await reader.check(catalogue, { name: NAME, version: "1.0.0", document });
  };
  const read = async () => {
    const bundle = await readBundle(await readFile(join(folder, "mirror", "b", `${sha256}.rbsm`)));
    await verifyPublisher(bundle.files, () => market.publisher.publicKey, bundle);
  };
  const checks = await timings(check, RUNS);
  const reads = await timings(read, RUNS);
  const marketplace = createMarketplace(where);
  const dataDir = join(folder, "host");
  const trust = await openTrust({ ...where, dataDir, marketplace, now: () => new Date() });
  await trust.refresh();
  const idle = await timings(() => trust.check(), RUNS);
  await market.close();
  await rm(folder, { recursive: true });
  const baseline = `read and verify its bundle: ${spread(reads)}`;
  return [
    {
      name: `verify a release from metadata at hand, log of ${2 * ENTRIES + 1}`,
      value: spread(checks),
      baseline,
      ratio: ratio(percentile(checks, 0.5), percentile(reads, 0.5)),
      ...atMost(percentile(checks, 0.95), 10, "ms p95"),
    },
    {
      name: "update check without a change, chain verified again",
      value: spread(idle),
      baseline,
      ratio: ratio(percentile(idle, 0.5), percentile(reads, 0.5)),
      ...NO_GOAL,
    },
  ];
}

report(await verifyRelease());
