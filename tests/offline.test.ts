import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  concatBytes,
  LICENSE_LIMITS,
  type OfflineRequestFile,
  RbsmError,
  readTar,
  TAR_END,
  tarHeader,
  tarPadding,
} from "@rising-bsm/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { codeOf } from "../host-sdk/testing/expectations.ts";
import { openHost } from "../host-sdk/testing/host-fixture.ts";
import { type CliRun, runCli } from "../packages/cli/fixtures/run-cli.ts";
import { postJson } from "../scripts/demo/http.ts";
import { type PublishedMarketplace, startPublishedMarketplace } from "./published-marketplace.ts";

const PLUGIN = "@acme/paid";
const BASE = "@acme/base";
const DAY = 86_400_000;
const issuedSchema = z.object({ licenseId: z.string(), licenseKey: z.string() });

let home: string;
let market: PublishedMarketplace;
let root: Uint8Array;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rbsm-offline-"));
  market = await startPublishedMarketplace(home);
  root = await readFile(market.rootFile);
  // Whatever asks the network in a process with this dies of it.
  const refuse = 'throw new Error("the network was asked")';
  const code = `require("node:net").Socket.prototype.connect = function () { ${refuse}; };`;
  await writeFile(join(home, "no-network.cjs"), code);
  await market.publish(BASE, "1.0.0");
  await publishPaid("1.0.0");
});
afterAll(async () => {
  await market.worker.harness.close();
  await rm(home, { recursive: true, force: true });
});

async function publishPaid(version: string, name = PLUGIN): Promise<void> {
  const folder = join(home, `${name.slice(6)}-${version}`);
  const plans = [
    { id: "pro", kind: "subscription", period: "year", seats: 5, entitlements: ["export"] },
    { id: "once", kind: "perpetual", seats: 5 },
  ];
  const manifest = {
    name,
    version,
    main: "index.js",
    permissions: ["customers.view"],
    dependencies: { [BASE]: "^1.0.0" },
    pricing: { plans },
  };
  await mkdir(folder);
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  const code = `export default class {
    version() { return "${version}"; }
    base() { return this.api.plugins.call("${BASE}", "version"); }
    export() { return this.api.license.has("export"); }
  }`;
  await writeFile(join(folder, "index.js"), code);
  await market.cli("deploy", folder);
}

async function issue(plan = "pro", plugin = PLUGIN) {
  const order = { plugin, plan };
  const answer = await postJson(`${market.url}/v1/licenses`, order, { token: market.adminToken });
  return issuedSchema.parse(answer);
}

/** The marketplace's answer to a request file, as the API gives it. */
async function answerTo(request: OfflineRequestFile): Promise<Uint8Array> {
  const answer = await fetch(`${market.url}/v1/licenses/offline`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return new Uint8Array(await answer.arrayBuffer());
}

/** A host on this data directory that can reach nobody, and dies of trying. */
function openOffline(dataDir: string, now?: () => Date) {
  const send = () => Promise.reject(new Error("the network was asked"));
  return openHost({
    url: "http://localhost",
    root,
    dataDir,
    runSchedules: false,
    marketplace: { url: "http://localhost", root, send },
    ...(now === undefined ? {} : { now }),
  });
}

async function withOffline<T>(
  dataDir: string,
  work: (host: Awaited<ReturnType<typeof openOffline>>) => Promise<T>,
  now?: () => Date,
): Promise<T> {
  const connect = vi.spyOn(Socket.prototype, "connect");
  const host = await openOffline(dataDir, now);
  try {
    return await work(host);
  } finally {
    await host.close();
    expect(connect).not.toHaveBeenCalled();
    connect.mockRestore();
  }
}

async function newDataDir(): Promise<string> {
  return mkdtemp(join(home, "data-"));
}

test("a host without a network is licensed, updated and renewed with files alone", async () => {
  const dataDir = await newDataDir();
  const offline = { NODE_OPTIONS: `--require ${join(home, "no-network.cjs")}` };
  const atHost = async (...args: readonly string[]): Promise<CliRun> => {
    const run = await runCli([...args, "--data-dir", dataDir, "--json"], { home, env: offline });
    expect(run.stderr + run.stdout, args.join(" ")).not.toContain("network was asked");
    return run;
  };
  const { licenseKey } = await issue();
  const key = ["--key", licenseKey];
  expect((await atHost("license", "request", PLUGIN, ...key, "--out", "first.json")).code).toBe(0);
  const online = ["--url", market.url];
  await market.cli(
    "license",
    "answer",
    join(home, "first.json"),
    "--out",
    join(home, "first.tar"),
    ...online,
  );

  const needsRoot = await atHost("license", "import", "first.tar", "--grant", "requested");
  expect(needsRoot.json().error).toMatchObject({
    code: "usage",
    fix: expect.stringContaining("--root"),
  });
  const imported = await atHost(
    "license",
    "import",
    "first.tar",
    "--grant",
    "requested",
    "--root",
    market.rootFile,
  );
  expect(imported.json()).toMatchObject({
    ok: true,
    plugin: PLUGIN,
    release: "installed",
    version: "1.0.0",
    license: { state: "active", entitlements: { export: true } },
  });
  await withOffline(dataDir, async (host) => {
    expect(await host.call(PLUGIN, "base")).toBe("1.0.0");
    expect(await host.call(PLUGIN, "export")).toBe(true);
  });

  const shown = await atHost("license", "show", PLUGIN);
  const [license] = shown.json().licenses;
  const end = Date.parse(license.leaseUntil);
  expect(end - Date.now()).toBeGreaterThan(LICENSE_LIMITS.offlineLeaseMs - DAY);
  const later = await atHost("license", "show", "--at", new Date(end + DAY).toISOString());
  expect(later.json().licenses).toMatchObject([{ plugin: PLUGIN, state: "grace" }]);
  await withOffline(dataDir, async (host) => {
    const stateAt = (at: number) => host.licenses(new Date(at)).map(({ state }) => state);
    expect(stateAt(end - DAY)).toEqual(["active"]);
    expect(stateAt(end + LICENSE_LIMITS.graceMs)).toEqual(["restricted"]);
  });

  // The log has grown since, so the file has to show that it continues what this host has seen.
  await publishPaid("1.1.0");
  await atHost("license", "request", PLUGIN, "--out", "second.json");
  await market.cli(
    "license",
    "answer",
    join(home, "second.json"),
    "--out",
    join(home, "second.tar"),
    ...online,
  );
  const renewed = await atHost("license", "import", "second.tar");
  expect(renewed.json()).toMatchObject({ release: "updated", version: "1.1.0" });
  await withOffline(dataDir, async (host) => {
    const second = await readFile(join(home, "second.tar"));
    expect(await host.importLicense(second)).toMatchObject({ release: "unchanged" });
  });
  const old = await atHost("license", "import", "first.tar");
  expect([old.code, old.json().error.code]).toEqual([5, "license_invalid"]);
});

describe("a file that is not the answer to this host changes nothing:", () => {
  let blank: string;
  let answered: string;
  let archive: Uint8Array;

  beforeAll(async () => {
    blank = await newDataDir();
    const { licenseKey } = await issue();
    const request = await withOffline(blank, (host) => host.licenseRequest(PLUGIN, { licenseKey }));
    archive = await answerTo(request);
  });
  beforeEach(async () => {
    answered = join(await newDataDir(), "copy");
    await cp(blank, answered, { recursive: true });
  });

  async function importInto(dataDir: string, bytes: Uint8Array): Promise<string> {
    return withOffline(dataDir, (host) =>
      codeOf(host.importLicense(bytes, { grant: "requested" })),
    );
  }

  async function expectNothing(dataDir: string): Promise<void> {
    await withOffline(dataDir, async (host) => {
      expect(host.plugins()).toEqual([]);
      expect(host.licenses()).toEqual([]);
    });
    expect(await readdir(dataDir)).not.toContain("offline");
    expect(await readdir(join(dataDir, "bundles")).catch(() => [])).toEqual([]);
  }

  test("the answer itself is taken", async () => {
    expect(await importInto(answered, archive)).toBe("ok");
  });

  test.each<[string, (bytes: Uint8Array) => Promise<Uint8Array> | Uint8Array, string]>([
    ["cut off", (bytes) => bytes.subarray(0, bytes.length - 700), "license_file_invalid"],
    ["cut off in a file", (bytes) => bytes.subarray(0, 5_000), "license_file_invalid"],
    ["empty", () => new Uint8Array(), "license_file_invalid"],
    ["with a file more", withFile("b/../../x"), "license_file_invalid"],
    ["with a link", withFile("b/x", "2"), "license_file_invalid"],
    ["with a file elsewhere", withFile("bin/x"), "license_file_invalid"],
    ["with a file twice", withFile("tuf/timestamp.json"), "license_file_invalid"],
    [
      "for another instance",
      changed(/answer/, inAnswer({ instanceId: "other" })),
      "license_invalid",
    ],
    ["of another plugin", changed(/answer/, inAnswer({ plugin: BASE })), "license_invalid"],
    ["with another lease", changed(/answer/, inLease), "license_invalid"],
    ["with another timestamp", changed(/timestamp/), "trust_metadata_invalid"],
    ["with other service keys", changed(/service-keys/), "trust_metadata_invalid"],
  ])("%s", async (_what, change, code) => {
    expect(await importInto(answered, await change(archive))).toBe(code);
    await expectNothing(answered);
  });

  test.each<[string, RegExp, string]>([
    ["another document", /paid\/[0-9a-f]{64}\.json/, "trust_metadata_invalid"],
    ["another release statement", /paid\/.*release/, "trust_release_invalid"],
    ["another proof", /paid\/.*proof/, "trust_log_invalid"],
    ["another checkpoint", /log\/checkpoint/, "trust_log_invalid"],
    ["another bundle", /^b\//, "bundle_digest_mismatch"],
  ])(
    "with %s the lease counts, which is the marketplace's, and nothing is installed",
    async (...row) => {
      const [, path, code] = row;
      expect(await importInto(answered, await changed(path)(archive))).toBe(code);
      await withOffline(answered, async (host) => {
        expect(host.plugins()).toEqual([]);
        expect(host.license(PLUGIN).state).toBe("active");
      });
    },
  );

  test("another host's", async () => {
    const other = await newDataDir();
    const { licenseKey } = await issue();
    await withOffline(other, (host) => host.licenseRequest(PLUGIN, { licenseKey }));
    expect(await importInto(other, archive)).toBe("license_invalid");
    await expectNothing(other);
  });

  test("that nobody has asked for, and one that is imported again after the license was left", async () => {
    const moved = await newDataDir();
    await cp(join(blank, "instance.key"), join(moved, "instance.key"));
    expect(await importInto(moved, archive)).toBe("license_invalid");
    await expectNothing(moved);
    const { licenseKey } = await issue("once");
    const next = await withOffline(answered, async (host) => {
      await host.importLicense(archive, { leaseOnly: true });
      return host.licenseRequest(PLUGIN, { licenseKey });
    });
    const newer = await answerTo(next);
    await withOffline(answered, async (host) => {
      await host.importLicense(newer, { leaseOnly: true });
      const { licenseId } = host.license(PLUGIN);
      expect(await codeOf(host.importLicense(archive))).toBe("license_invalid");
      expect(host.license(PLUGIN)).toMatchObject({ licenseId, kind: "perpetual" });
    });
  });

  test("an older lease whose activation is said to be another", async () => {
    const renewal = await withOffline(answered, async (host) => {
      await host.importLicense(archive, { leaseOnly: true });
      return host.licenseRequest(PLUGIN);
    });
    const newer = await answerTo(renewal);
    const renamed = await changed(/answer/, inAnswer({ activationId: "another" }))(archive);
    await withOffline(answered, async (host) => {
      await host.importLicense(newer, { leaseOnly: true });
      const { leaseFrom } = host.license(PLUGIN);
      expect(await codeOf(host.importLicense(renamed))).toBe("license_invalid");
      expect(await codeOf(host.importLicense(archive))).toBe("license_invalid");
      expect(host.license(PLUGIN).leaseFrom).toBe(leaseFrom);
    });
  });
});

test("of files that are imported in another order the lease counts; what is missing is said", async () => {
  const other = "@acme/other";
  await publishPaid("1.0.0", other);
  const dataDir = await newDataDir();
  const [first, second] = [await issue(), await issue("pro", other)];
  const requests = await withOffline(dataDir, async (host) => ({
    first: await host.licenseRequest(PLUGIN, { licenseKey: first.licenseKey }),
    second: await host.licenseRequest(other, { licenseKey: second.licenseKey }),
  }));
  const earlier = await answerTo(requests.first);
  await market.publish("@acme/between", "1.0.0");
  const later = await answerTo(requests.second);
  await withOffline(dataDir, (host) => host.importLicense(later, { grant: "requested" }));
  await withOffline(dataDir, async (host) => {
    const refused = await host.importLicense(earlier, { grant: "requested" }).catch(fixOf);
    expect(refused).toContain("The lease is in force");
    expect(host.license(PLUGIN).state).toBe("active");
  });
  const again = await answerTo(requests.first);
  await withOffline(dataDir, async (host) => {
    const imported = await host.importLicense(again, { grant: "requested" });
    expect(imported).toMatchObject({ plugin: PLUGIN, release: "installed" });
    expect(host.plugins().map(({ name }) => name)).toEqual([BASE, other, PLUGIN]);
  });
});

test("a file that lay about for too long is taken with the administrator's leave", async () => {
  const dataDir = await newDataDir();
  const { licenseKey } = await issue();
  const request = await withOffline(dataDir, (host) => host.licenseRequest(PLUGIN, { licenseKey }));
  const archive = await answerTo(request);
  const later = () => new Date(Date.now() + 30 * DAY);
  const importAt = (acceptStale: boolean) =>
    withOffline(
      dataDir,
      (host) => codeOf(host.importLicense(archive, { grant: "requested", acceptStale })),
      later,
    );
  expect(await importAt(false)).toBe("trust_metadata_expired");
  expect(await importAt(true)).toBe("ok");
});

function fixOf(error: unknown): unknown {
  return error instanceof RbsmError ? error.detail.fix : error;
}

type Edit = (content: Uint8Array) => Uint8Array;

/** The archive with the files at this path edited; by default one bit of them is another. */
function changed(path: RegExp, edit: Edit = flipped) {
  return async (archive: Uint8Array): Promise<Uint8Array> => {
    const parts: Uint8Array[] = [];
    let edits = 0;
    for await (const file of readTar(one(archive))) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of file.chunks) chunks.push(chunk);
      const isMeant = path.test(file.path);
      edits += Number(isMeant);
      const content = isMeant ? edit(concatBytes(...chunks)) : concatBytes(...chunks);
      parts.push(...fileOf(file.path, content));
    }
    expect(edits, String(path)).toBeGreaterThan(0);
    return concatBytes(...parts, TAR_END);
  };
}

function withFile(path: string, type = "0") {
  return (archive: Uint8Array): Uint8Array => {
    const header = tarHeader({ path: "b/x", size: 1 });
    header.fill(0, 0, 100);
    header.set(Buffer.from(path));
    header.set(Buffer.from(type), 156);
    header.fill(32, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.set(Buffer.from(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
    const files = archive.subarray(0, archive.length - TAR_END.length);
    return concatBytes(files, header, Uint8Array.of(1), tarPadding(1), TAR_END);
  };
}

function fileOf(path: string, content: Uint8Array): Uint8Array[] {
  return [tarHeader({ path, size: content.length }), content, tarPadding(content.length)];
}

const flipped: Edit = (content) => {
  const copy = Uint8Array.from(content);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

function inAnswer(change: Readonly<Record<string, string>>): Edit {
  return (content) => {
    const answer = z
      .record(z.string(), z.unknown())
      .parse(JSON.parse(Buffer.from(content).toString()));
    return Buffer.from(JSON.stringify({ ...answer, ...change }));
  };
}

const inLease: Edit = (content) => {
  const text = Buffer.from(content).toString();
  const answer = z.looseObject({ lease: z.string() }).parse(JSON.parse(text));
  const [head = "", body = "", signature = ""] = answer.lease.split(".");
  const claims = z
    .looseObject({ exp: z.number() })
    .parse(JSON.parse(Buffer.from(body, "base64url").toString()));
  const richer = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 1 })).toString(
    "base64url",
  );
  return Buffer.from(JSON.stringify({ ...answer, lease: [head, richer, signature].join(".") }));
};

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
