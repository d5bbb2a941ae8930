import type { Frame, FrameType } from "../runtime/frames.ts";
import { type Account, openAccount, type Outcome } from "./account.ts";
import type { BlankIsolate, MakeIsolate } from "./blank-isolate.ts";
import { type IsolateEvents, PluginIsolate } from "./plugin-isolate.ts";
import { createCpuLedger, processCpu } from "./cpu-ledger.ts";
import type { RunnerSettings } from "./settings.ts";

interface Runner {
  readonly settings: RunnerSettings;
  readonly makeIsolate: MakeIsolate;
  send(frame: Frame): void;
  /** Ends the process once everything sent has left it. */
  die(): void;
}

interface PluginTable {
  handle(frame: Frame): void;
  check(now: number, rssMb: number): void;
}

const TOO_LATE = {
  code: "plugin_crashed",
  message: "The plugin's isolate ended before the call",
  notStarted: true,
};

/** The plugins of this child, by the id of their load, and who has which call. */
export function createPluginTable(runner: Runner): PluginTable {
  const plugins = new Map<number, PluginIsolate>();
  const ledger = createCpuLedger(processCpu);
  const spares = createSpares(runner);

  const load = async ({ id, head, body }: Frame) => {
    const account = openAccount(id, { ...budgetOf(runner, head), isLoad: true });
    const { files, data } = JSON.parse(body);
    const blank = await spares.take(Number(head["memoryMb"]));
    const plugin = new PluginIsolate(
      blank,
      ledger,
      eventsOf(runner, id, () => plugins.delete(id)),
    );
    plugins.set(id, plugin);
    plugin.setData(JSON.stringify(data));
    plugin.load(account, new Map(files), {
      label: String(head["label"]),
      main: String(head["main"]),
    });
  };

  const call = ({ id, head, body }: Frame) => {
    const account = openAccount(id, { ...budgetOf(runner, head), isLoad: false });
    const plugin = plugins.get(Number(head["plugin"]));
    if (plugin === undefined) runner.send(endFrame(account, { ok: false, error: TOO_LATE }));
    else plugin.call(account, String(head["target"]), body);
  };

  const pluginOf = ({ head }: Frame) => plugins.get(Number(head["plugin"]));
  const settle = (frame: Frame, ok: boolean) =>
    pluginOf(frame)?.settleHostCall(frame.id, {
      hostId: Number(frame.head["hostId"]),
      ok,
      text: frame.body,
    });
  const unload = ({ id }: Frame) => {
    plugins.get(id)?.kill({ code: "unloaded", message: "The plugin was unloaded" });
  };

  const handlers: Partial<Record<FrameType, (frame: Frame) => unknown>> = {
    load,
    call,
    unload,
    data: ({ id, body }) => plugins.get(id)?.setData(body),
    cancel: (frame) => pluginOf(frame)?.abandon(frame.id),
    hostResult: (frame) => settle(frame, true),
    hostRefusal: (frame) => settle(frame, false),
    ping: ({ id }) =>
      runner.send({ type: "pong", id, head: { rssMb: process.memoryUsage.rss() / 1e6 }, body: "" }),
  };
  return {
    handle: (frame) => void handlers[frame.type]?.(frame),
    check(now, rssMb) {
      lastRssMb = rssMb;
      for (const plugin of plugins.values()) plugin.note(now);
      ledger.settle();
      for (const plugin of plugins.values()) plugin.check(now, rssMb);
      if (rssMb > runner.settings.rssCapMb) stopTheGreedy(runner, plugins.values());
    },
  };
}

/** Only an isolate that runs can have taken the memory, and V8 gives little of it back. */
function stopTheGreedy(runner: Runner, plugins: Iterable<PluginIsolate>): void {
  const message = "The plugin's process used more than its memory limit";
  for (const plugin of plugins)
    if (plugin.isRunning()) plugin.kill({ code: "limit_memory", message });
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
  return {
    ended: (account, outcome) => runner.send(endFrame(account, withinPayload(account, outcome))),
    hostCall: ({ id }, { hostId, method, text }) =>
      runner.send({ type: "hostCall", id, head: { plugin: load, hostId, method }, body: text }),
    log: ({ id }, { level, message, fields }) =>
      runner.send({
        type: "log",
        id,
        head: { level, plugin: load },
        body: `[${JSON.stringify(message)},${fields || "null"}]`,
      }),
    lost(code) {
      forget();
      runner.send({ type: "lost", id: load, head: { code }, body: "" });
    },
    stopped: () => runner.send({ type: "stopped", id: load, head: {}, body: "" }),
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
  const usage = { cpuMs: account.cpuMs + account.notedMs, peakRssMb };
  if (outcome.ok) return { type: "result", id: account.id, head: { usage }, body: outcome.text };
  return { type: "failure", id: account.id, head: { usage, error: outcome.error }, body: "" };
}

/** Keeps one isolate of the usual size ready: making one takes longer than loading a small plugin. */
function createSpares({ settings, makeIsolate }: Runner): {
  take(memoryMb: number): Promise<BlankIsolate>;
} {
  let spare: Promise<BlankIsolate> | undefined = makeIsolate(settings.spareMemoryMb);
  return {
    async take(memoryMb) {
      if (memoryMb !== settings.spareMemoryMb || spare === undefined) return makeIsolate(memoryMb);
      const taken = spare;
      spare = undefined;
      setTimeout(() => (spare ??= makeIsolate(settings.spareMemoryMb)), SPARE_DELAY_MS);
      return taken;
    },
  };
}

/** Long enough for the plugin that took the spare to load and answer first. */
const SPARE_DELAY_MS = 250;
