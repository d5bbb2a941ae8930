import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Json, RbsmError } from "@rising-bsm/protocol";
import type { BenchHost } from "../bench/bench-host.ts";
import { ownChildren } from "../../host-sdk/runtime/own-children.ts";
import { codeOf, type Payload, type Scene } from "./payload.ts";

/** What came of a payload, and every text in which a secret could have come along. */
export interface Outcome {
  readonly code: string;
  readonly result: Json;
  readonly seen: string;
}

/** Called when the payload is installed and is about to be set off. */
export type OnSetOff = () => void;

/**
 * Installs the payload's plugin, sets it off, looks whether the plugin is well again and removes
 * it. Rejects only when the host itself fails.
 */
export async function perform(
  host: BenchHost,
  payload: Payload,
  { plugin, onSetOff = () => undefined }: { plugin: string; onSetOff?: OnSetOff },
): Promise<Outcome> {
  const scene = sceneOf(host, payload, plugin);
  if (payload.by === "install") onSetOff();
  const installed = await settle(() => scene.install("1.0.0", codeOf(payload)));
  if (payload.by === "install" || installed.code !== "ok") return withLogs(host, plugin, installed);
  onSetOff();
  const outcome = await settle(() => setOff(scene, payload));
  const stays = payload.by !== "disable" && payload.by !== "uninstall";
  const whole = await withLogs(host, plugin, stays ? await afterwards(scene, outcome) : outcome);
  if (payload.by !== "uninstall") await host.uninstall(plugin);
  return whole;
}

/** Whatever a call did, the plugin's next one is answered. */
async function afterwards(scene: Scene, outcome: Outcome): Promise<Outcome> {
  const next = () => settle(() => scene.call("alive"));
  const first = await next();
  const answer = PASSING.includes(first.code) ? await next() : first;
  return answer.result === "alive"
    ? outcome
    : { ...outcome, code: `${outcome.code}, and ${answer.code} from then on` };
}

/** The process was about to end when the call came. */
const PASSING = ["plugin_crashed", "collateral"];

function sceneOf(host: BenchHost, payload: Payload, plugin: string): Scene {
  const { cpuMs, manifest, permissions = [], deadlineMs = PATIENT_MS } = payload;
  const limits = cpuMs === undefined ? {} : { limits: { cpuMs } };
  return {
    host,
    plugin,
    wait: (ms) => wait(ms),
    install: (version, code) =>
      host.add({ name: plugin, version, code, permissions, manifest: { ...limits, ...manifest } }),
    call: (method, ...args) => host.call(plugin, method, args, { deadlineMs }),
    killChild() {
      const [pid] = ownChildren();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    },
  };
}

/** What ends a payload is its CPU or memory, also where many others want the CPU. */
const PATIENT_MS = 60_000;

const EVENT = { id: 1, name: "Ada Lovelace", email: null, phone: null, status: "ACTIVE" };

async function setOff(scene: Scene, payload: Payload): Promise<Json> {
  const { host, plugin } = scene;
  if (payload.act !== undefined) return payload.act(scene);
  switch (payload.by) {
    case "request":
      return host.request(plugin, REQUEST);
    case "hook": {
      const deliveries = await host.emit("customers.created", EVENT);
      const own = deliveries.find((delivery) => delivery.plugin === plugin);
      if (own?.ok !== true) throw Object.assign(new Error("hook"), own?.problem);
      return null;
    }
    case "disable":
      await host.disable(plugin);
      return null;
    case "uninstall":
      await host.uninstall(plugin);
      return null;
    default:
      return scene.call("go", ...(payload.args ?? []));
  }
}

const REQUEST = { method: "GET", url: "http://plugin/path?q=1", headers: [], body: null };

async function settle(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    const result = await work();
    return { code: "ok", result: (result ?? null) as Json, seen: JSON.stringify(result) ?? "" };
  } catch (error) {
    return { code: codeOfError(error), result: null, seen: textOf(error) };
  }
}

/** The host throws nothing else: anything else is told by its text and never expected. */
function codeOfError(error: unknown): string {
  const { code } = Object(error) as { code?: unknown };
  const collateral = error instanceof RbsmError && error.detail["collateral"] === true;
  return collateral ? "collateral" : typeof code === "string" ? code : String(error);
}

function textOf(error: unknown): string {
  // `stack` is the host's own, for its operator; the plugin's is in `detail`.
  const { message, detail } = Object(error) as Record<string, unknown>;
  return JSON.stringify({ message, detail });
}

async function withLogs(host: BenchHost, plugin: string, outcome: Outcome): Promise<Outcome> {
  const known = host.plugins().some(({ name }) => name === plugin);
  const logs = known ? JSON.stringify(host.logs(plugin)) : "";
  const info = known ? JSON.stringify(host.plugin(plugin)) : "";
  return { ...outcome, seen: `${outcome.seen}\n${logs}\n${info}` };
}

/** RSS of the children of `pid` in MB, the largest. Linux only. */
export function largestChildMb(pid: number): number {
  let pages = 0;
  for (const child of ownChildren(pid)) {
    try {
      pages = Math.max(pages, Number(readFileSync(`/proc/${child}/statm`, "utf8").split(" ")[1]));
    } catch {
      // It ended in between.
    }
  }
  return (pages * 4_096) / 1e6;
}
