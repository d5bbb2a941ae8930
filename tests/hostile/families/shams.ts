import { ownChildren } from "../../../host-sdk/runtime/own-children.ts";
import { NEIGHBOUR } from "../open-hosts.ts";
import type { Family } from "../payload.ts";

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
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
    act: async ({ wait }) => {
      const [first = 0] = ownChildren();
      process.kill(first, "SIGSTOP");
      await wait(2_500);
      process.kill(first, "SIGCONT");
      return null;
    },
  },
  "another code": { expect: "limit_cpu", body: "return 1" },
  "another result": { expect: "ok", body: "return 1", result: 2 },
};
