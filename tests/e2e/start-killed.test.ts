import { expect, test } from "vitest";
import { expectInstalledIsActive, expectListedIsDownloadable } from "./nothing-half-done.ts";
import { newPlace, start } from "./start-process.ts";

/** A few in every run; RBSM_KILLS=20 for a long one. */
const KILLS = Number(process.env["RBSM_KILLS"] ?? 2);

test(
  `a start that is killed ${KILLS} times at random points leaves nothing half done`,
  async () => {
    const place = await newPlace();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const victim = start(place, ["--fresh"]);
      await victim.saw(kill % 2 === 0 ? "key enrolled" : "Host: starting");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4_000));
      victim.kill("SIGKILL");
      await victim.ended;

      const next = start(place, []);
      await next.saw("Ctrl-C ends both");
      expect(await expectListedIsDownloadable(place)).toBeGreaterThanOrEqual(5);
      expect((await expectInstalledIsActive(place)).length).toBeGreaterThanOrEqual(5);
      next.kill("SIGTERM");
      expect((await next.ended).stderr).toBe("");
    }
  },
  KILLS * 120_000,
);
