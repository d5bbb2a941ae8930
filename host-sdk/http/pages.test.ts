import { afterEach, beforeEach, expect, test } from "vitest";
import { HELLO } from "../testing/expectations.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";
import { randomKey } from "../testing/static-marketplace.ts";

let fixture: HostFixture;
beforeEach(async () => {
  fixture = await createHostFixture();
});
afterEach(() => fixture.close());

test("an update by another key is explained in the reader's language, with the key to ask about", async () => {
  const { market } = fixture;
  await market.publish({ name: HELLO, version: "1.0.0" });
  const host = await fixture.open();
  await host.install(HELLO, { grant: "requested" });
  const stranger = await randomKey();
  await market.publish({ name: HELLO, version: "1.1.0", publisher: stranger });
  await host.checkForUpdates();
  const actor = { id: "1", permissions: "all" } as const;
  const page = async (lang: string) =>
    (await host.handle(new Request(`http://host/?lang=${lang}`), { actor })).text();
  expect(await page("de")).toContain("Fragen Sie den Anbieter");
  expect(await page("en")).toContain("Ask the publisher");
  expect(await page("de")).toContain(stranger.keyId);
});
