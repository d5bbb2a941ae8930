import type { Frame, FrameType } from "../runtime/frames.ts";
import { type Account, openAccount, type Outcome } from "./account.ts";
import type { MakeIsolate } from "./blank-isolate.ts";
import { createSpares } from "./spare-isolates.ts";
import { type IsolateEvents, PluginIsolate } from "./plugin-isolate.ts";
import { createCpuLedger, readCpu } from "./cpu-ledger.ts";
import type { Outbox } from "./outbox.ts";
import type { RunnerSettings } from "./settings.ts";

interface Runner {
  readonly settings: RunnerSettings;
  readonly makeIsolate: MakeIsolate;
  readonly outbox: Outbox;
  /** Ends the process once everything sent has left it. */
  die(): void;
}

interface PluginTable {
  handle(frame: Frame): void;
  /** Holds all calls against their limits. */
  check(now: number, rssMb: number): void;
}

type Handler = (frame: Frame) => unknown;
type Handlers = Partial<Record<FrameType, Handler>>;

const TOO_LATE = {
  code: "plugin_crashed",
  message: "The plugin's isolate ended before the call",
  notStarted: true,
};

/** The plugins of this child, by the id of their load, and who has which call. */
export function createPluginTable(runner: Runner): PluginTable {
  const plugins = new Map<number, PluginIsolate>();
  /** Files of plugins that have no isolate yet. */
  const arriving = new Map<number, Map<string, string>>();
  const ledger = createCpuLedger(readCpu);
  const spares = createSpares({
    makeIsolate: runner.makeIsolate,
    memoryMb: runner.settings.spareMemoryMb,
    isBusy: () => plugins.values().some((plugin) => plugin.isBusy()),
  });

  const file = ({ id, head, body }: Frame) => {
    const sources = arriving.get(id) ?? new Map<string, string>();
    arriving.set(id, sources.set(String(head["path"]), body));
  };
  const load = async ({ id, head, body }: Frame) => {
    const account = openAccount(id, { ...budgetOf(runner, head), isLoad: true });
    const sources = arriving.get(id) ?? new Map<string, string>();
    arriving.set(id, sources);
    const blank = await spares.take(Number(head["memoryMb"]));
    // Unloaded before it had an isolate.
    if (!arriving.delete(id)) return blank.isolate.dispose();
    const plugin = new PluginIsolate(
      blank,
      ledger,
      eventsOf(runner, id, () => plugins.delete(id)),
    );
    plugins.set(id, plugin);
    plugin.setData(body);
    plugin.load(account, sources, {
      label: String(head["label"]),
      main: String(head["main"]),
    });
  };

  const call = ({ id, head, body }: Frame) => {
    const account = openAccount(id, { ...budgetOf(runner, head), isLoad: false });
    const plugin = plugins.get(Number(head["plugin"]));
    if (plugin === undefined) runner.outbox.put(endFrame(account, { ok: false, error: TOO_LATE }));
    else plugin.call(account, String(head["target"]), body);
  };

  const handlers: Handlers = { file, load, call, ...smallHandlers(runner, plugins) };
  return {
    handle(frame) {
      if (frame.type === "unload") arriving.delete(frame.id);
      handlers[frame.type]?.(frame);
      runner.outbox.flush();
    },
    check(now, rssMb) {
      lastRssMb = rssMb;
      const all = [...plugins.values()];
      for (const plugin of all) plugin.note();
      ledger.settle();
      for (const plugin of all) plugin.check(now, rssMb);
      if (rssMb > runner.settings.rssCapMb) stopTheGreedy(runner, all);
      runner.outbox.flush();
    },
  };
}

function smallHandlers(runner: Runner, plugins: ReadonlyMap<number, PluginIsolate>): Handlers {
  const pluginOf = ({ head }: Frame) => plugins.get(Number(head["plugin"]));
  const settle = (frame: Frame, ok: boolean) =>
    pluginOf(frame)?.settleHostCall(frame.id, {
      hostId: Number(frame.head["hostId"]),
      ok,
      text: frame.body,
    });
  const rss = () => process.memoryUsage.rss() / 1e6;
  return {
    unload: ({ id }) =>
      plugins.get(id)?.kill({ code: "unloaded", message: "The plugin was unloaded" }),
    data: ({ id, body }) => plugins.get(id)?.setData(body),
    cancel: (frame) => pluginOf(frame)?.abandon(frame.id),
    hostResult: (frame) => settle(frame, true),
    hostRefusal: (frame) => settle(frame, false),
    ping: ({ id }) => runner.outbox.put({ type: "pong", id, head: { rssMb: rss() }, body: "" }),
  };
}

/**
 * Only an isolate that runs can have taken the memory, and taking it takes CPU: a call that is short
 * beside the longest one only happened to run. V8 gives little of the memory back.
 */
function stopTheGreedy(runner: Runner, plugins: readonly PluginIsolate[]): void {
  const message = "The plugin's process used more than its memory limit";
  const running = plugins.filter((plugin) => plugin.isRunning());
  const most = Math.max(...running.map((plugin) => plugin.runningCpuMs()));
  for (const plugin of running)
    if (plugin.runningCpuMs() >= most / 2) plugin.kill({ code: "limit_memory", message });
  runner.die();
}

function budgetOf({ settings }: Runner, head: Frame["head"]) {
  const { messageBytes, payloadBytes } = settings.limits;
  const isRequest = String(head["target"]).startsWith("request:");
  return {
    cpuMs: Number(head["cpuMs"]),
    wallMs: Number(head["wallMs"]),
    resultBytes: isRequest ? messageBytes : payloadBytes,
  };
}

function eventsOf(runner: Runner, load: number, forget: () => void): IsolateEvents {
  const { outbox } = runner;
  return {
    ended: (account, outcome) => outbox.put(endFrame(account, withinPayload(account, outcome))),
    hostCall({ id }, { hostId, method, text }) {
      outbox.put({ type: "hostCall", id, head: { plugin: load, hostId, method }, body: text });
      outbox.flushSoon();
    },
    log({ id }, { level, message, fields }) {
      const body = `[${JSON.stringify(message)},${fields || "null"}]`;
      outbox.put({ type: "log", id, head: { level, plugin: load }, body });
      outbox.flushSoon();
    },
    turnEnded: (moreRun) => (moreRun ? outbox.flushSoon() : outbox.flush()),
    lost(code) {
      forget();
      outbox.put({ type: "lost", id: load, head: { code }, body: "" });
    },
    stopped: () => outbox.put({ type: "stopped", id: load, head: {}, body: "" }),
    stuck: () => runner.die(),
  };
}

/** The isolate counts UTF-16 units; bytes are counted here, where it costs the plugin no CPU. */
function withinPayload({ resultBytes: max }: Account, outcome: Outcome): Outcome {
  if (!outcome.ok || Buffer.byteLength(outcome.text) <= max) return outcome;
  return {
    ok: false,
    error: { code: "limit_payload", message: `The result is larger than ${max} bytes of JSON` },
  };
}

let lastRssMb = 0;

function endFrame(account: Account, outcome: Outcome): Frame {
  // Calls shorter than a tick of the watchdog have no sample of their own.
  if (lastRssMb === 0) lastRssMb = process.memoryUsage.rss() / 1e6;
  const peakRssMb = Math.max(account.peakRssMb, lastRssMb);
  const usage = { cpuMs: account.cpuMs + account.notedMs + account.servedMs, peakRssMb };
  if (outcome.ok) return { type: "result", id: account.id, head: { usage }, body: outcome.text };
  return { type: "failure", id: account.id, head: { usage, error: outcome.error }, body: "" };
}
