import { setTimeout as wait } from "node:timers/promises";
import type { PluginHost } from "@rising-bsm/host-sdk";

/** A plugin of `goodPlugin` and how often each of its two callers calls it. */
export interface GoodPlugin {
  readonly host: PluginHost;
  readonly plugin: string;
  readonly everyMs: number;
}

/** How the calls of good plugins ended. */
export interface GoodCalls {
  readonly calls: number;
  /** Refused, failed or answered wrongly; a call that the host ran again by itself and got right is good. */
  readonly bad: number;
  readonly reasons: Readonly<Record<string, number>>;
  /** Share of the calls that took no longer than 250 ms. */
  readonly promptShare: number;
  readonly slowestMs: number;
}

/** Calls that go on until they are stopped. */
export interface GoodLoad {
  counts(): GoodCalls;
  stop(): Promise<GoodCalls>;
}

const CALLERS = 2;
const PROMPT_MS = 250;
/** One call of so many writes, and one is a request: neither may be run twice. */
const TURNS = 20;

/** Calls the plugins without pause: `hi`, which is idempotent, and now and then a write and a request. */
export function startGoodLoad(plugins: readonly GoodPlugin[]): GoodLoad {
  const reasons = new Map<string, number>();
  let calls = 0;
  let prompt = 0;
  let slowestMs = 0;
  const stopping = new AbortController();

  const callOnce = async (good: GoodPlugin, turn: number) => {
    const startedAt = performance.now();
    const problem = await problemOf(good, turn);
    const tookMs = performance.now() - startedAt;
    calls += 1;
    if (tookMs <= PROMPT_MS) prompt += 1;
    slowestMs = Math.max(slowestMs, tookMs);
    if (problem !== null) reasons.set(problem, (reasons.get(problem) ?? 0) + 1);
  };
  const keepCalling = async (good: GoodPlugin) => {
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      await callOnce(good, turn);
      await wait(good.everyMs);
    }
  };
  const callers = plugins.flatMap((good) =>
    Array.from({ length: CALLERS }, () => keepCalling(good)),
  );
  const counts = () => ({
    calls,
    bad: [...reasons.values()].reduce((sum, count) => sum + count, 0),
    reasons: Object.fromEntries(reasons),
    promptShare: calls === 0 ? 1 : prompt / calls,
    slowestMs: Math.round(slowestMs),
  });
  return {
    counts,
    async stop() {
      stopping.abort();
      await Promise.all(callers);
      return counts();
    },
  };
}

const REQUEST = { method: "GET", url: "http://plugin/good", headers: [], body: null };
const ANSWER = Buffer.from('{"path":"/good"}').toString("base64");

/** What is wrong with one call, in a few words. */
async function problemOf({ host, plugin }: GoodPlugin, turn: number): Promise<string | null> {
  const kind = KINDS[turn % TURNS] ?? "hi";
  try {
    return (await isRight[kind](host, plugin, turn)) ? null : `${kind} answered wrongly`;
  } catch (error) {
    const { code = error, detail } = Object(error);
    const bystander = Object(detail).collateral === true ? " as a bystander" : "";
    return `${kind}: ${String(code)}${bystander}`;
  }
}

const KINDS = ["count", "request"] as const;

type Check = (host: PluginHost, plugin: string, turn: number) => Promise<boolean>;

const isRight: Record<(typeof KINDS)[number] | "hi", Check> = {
  count: async (host, plugin) => Number(await host.call(plugin, "count")) > 0,
  request: async (host, plugin) => Object(await host.request(plugin, REQUEST)).body === ANSWER,
  hi: async (host, plugin, turn) => Object(await host.call(plugin, "hi", [turn])).hi === turn,
};
