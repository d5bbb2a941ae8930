import { ownChildren } from "../../../host-sdk/runtime/own-children.ts";
import { NEIGHBOUR } from "../open-hosts.ts";
import type { Family } from "../payload.ts";

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

function wake(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // The host has ended it for being silent.
  }
}

/** No attacks: each does by the host's own hand what an attack would have to, to be noticed. */
export const shams: Family = {
  "a host whose event loop is held up": {
    expect: "ok",
    act: async ({ wait }) => {
      spin(120);
      await wait(10);
      return null;
    },
  },
  "a host that tells a secret": {
    expect: "ok",
    act: async () => process.env["CANARY"] ?? "",
  },
  "a host that tells a path": {
    expect: "ok",
    act: async () => import.meta.filename,
  },
  "a host that ends": {
    expect: "ok",
    act: async () => process.kill(process.pid, "SIGKILL"),
  },
  "a neighbour that is gone": {
    expect: "ok",
    act: async ({ host, wait }) => {
      await host.disable(NEIGHBOUR);
      await wait(60);
      await host.enable(NEIGHBOUR);
      return null;
    },
  },
  "a neighbour whose process is stopped": {
    expect: "ok",
    act: async ({ host, wait }) => {
      for (const pid of ownChildren()) {
        process.kill(pid, "SIGSTOP");
        const answered = await host
          .call(NEIGHBOUR, "hi", [1], { deadlineMs: 300 })
          .then(() => true)
          .catch(() => false);
        if (!answered) await wait(2_000);
        wake(pid);
        if (!answered) break;
      }
      return null;
    },
  },
  "another code": { expect: "limit_cpu", body: "return 1" },
  "another result": { expect: "ok", body: "return 1", result: 2 },
};
