import { afterEach, beforeEach, expect, test } from "vitest";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HELLO } from "../host-sdk/testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../host-sdk/testing/host-fixture.ts";
import { runCli, temporaryFolder } from "../packages/cli/fixtures/run-cli.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

test("host list names what the marketplace says about a stopped host's plugins, and a forked log", async () => {
  const { market, dataDir } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  market.revoke({
    id: "RBSA-1",
    match: { plugin: HELLO, versions: "*" },
    action: "disable",
    reason: { en: "It sends data\u001b[31m to others", de: "Es schickt Daten an Fremde" },
    advisory: "https://example.com/RBSA-1",
    issuedAt: "2026-11-01T00:00:00Z",
  });
  await host.checkForUpdates();
  await host.close();
  const evidence = join(dataDir, "trust", "log-fork.json");
  await writeFile(evidence, "{}");
  const home = await temporaryFolder();
  const { code, stdout } = await runCli(["host", "list", "--data-dir", dataDir], { home });
  expect(code).toBe(0);
  expect(stdout).toContain("revoked");
  expect(stdout).toContain(`${HELLO}: disable (RBSA-1): It sends data`);
  expect(stdout).toContain("see https://example.com/RBSA-1");
  expect(stdout).toContain(evidence);
  expect(stdout).not.toContain("\u001b[31m");
  const json = await runCli(["host", "list", "--data-dir", dataDir, "--json"], { home });
  expect(json.json()).toMatchObject({
    plugins: [{ name: HELLO, state: "revoked", advisories: [{ id: "RBSA-1", action: "disable" }] }],
    fork: { file: evidence },
  });
});
