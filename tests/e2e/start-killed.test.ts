import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { newPlace, start, type Place } from "./start-process.ts";

const KILLS = Number(process.env["RBSM_KILLS"] ?? 4);

/** Everything listed can be downloaded, everything installed is whole; seen through the public doors. */
async function expectNothingHalfDone(place: Place): Promise<void> {
  const url = `http://127.0.0.1:${place.marketplacePort}`;
  const { items } = await (await fetch(`${url}/v1/plugins?limit=100`)).json();
  for (const item of items) {
    const version = await (
      await fetch(`${url}/v1/plugins/${item.name}/versions/${item.version}`)
    ).json();
    const answer = await fetch(new URL(version.bundle, url));
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (item.price === "paid") expect(answer.status).toBe(403);
    else expect(createHash("sha256").update(bytes).digest("hex")).toBe(version.sha256);
  }
  const installed = await (await fetch(`http://127.0.0.1:${place.hostPort}/api/plugins`)).json();
  for (const plugin of installed.data) expect(plugin.state, plugin.name).toBe("active");
}

test(
  `a start that was killed ${KILLS} times at random points leaves nothing half done`,
  async () => {
    const place = await newPlace();
    const startedAt = Date.now();
    const first = start(place, []);
    await first.saw("Ctrl-C ends both");
    const fullMs = Date.now() - startedAt;
    first.kill("SIGKILL");
    await first.ended;

    for (let kill = 0; kill < KILLS; kill += 1) {
      const victim = start(place, ["--fresh"]);
      await victim.saw(kill % 2 === 0 ? "Accounts: signing key enrolled" : "Host: starting");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * fullMs * 0.3));
      victim.kill("SIGKILL");
      await victim.ended;

      const next = start(place, []);
      await next.saw("Ctrl-C ends both");
      await expectNothingHalfDone(place);
      next.kill("SIGTERM");
      expect((await next.ended).stderr).toBe("");
    }
  },
  KILLS * 60_000 + 60_000,
);
