import { type ErrorCode, isErrorCode, RbsmError } from "@rising-bsm/protocol";
import { z } from "zod";
import type { CallBudget } from "./call-budget.ts";
import type { Frame } from "./frames.ts";
import type { CallUsage, LogEntry } from "./plugin-runtime.ts";

/** What a child answered: JSON text and what making it took. */
export interface Answer {
  readonly body: string;
  readonly usage: CallUsage;
  readonly logs: readonly LogEntry[];
}

/** A call, or a load, that a child has not answered yet. */
export interface OpenCall {
  readonly id: number;
  readonly context: unknown;
  readonly answer: Promise<Answer>;
  /** Aborted when the call failed and nobody needs what it asked the host for. */
  readonly signal: AbortSignal;
  readonly logs: LogEntry[];
  succeed(frame: Frame): void;
  fail(code: ErrorCode, message: string, detail?: Record<string, unknown>): void;
  failWith(frame: Frame): void;
}

interface OpenCallOptions {
  readonly id: number;
  readonly context: unknown;
  readonly startedAt: number;
  /** Makes the stack of a failure one that the plugin's author can read. */
  readonly readStack: (stack: string) => string;
  /** Called once, when the answer is known. */
  onSettled(usage: CallUsage, ok: boolean): void;
}

const failureSchema = z.object({
  code: z.string().optional(),
  name: z.string().optional(),
  message: z.string(),
  stack: z.string().optional(),
  collateral: z.boolean().optional(),
  notStarted: z.boolean().optional(),
});

const usageSchema = z.object({ cpuMs: z.number(), peakRssMb: z.number() });

export function openCall(options: OpenCallOptions): OpenCall {
  const { id, context, startedAt } = options;
  const aborter = new AbortController();
  const logs: LogEntry[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let open = true;

  const settle = (frame: Frame | undefined, ok: boolean): CallUsage | undefined => {
    if (!open) return undefined;
    open = false;
    const usage = usageFrom(frame, startedAt);
    options.onSettled(usage, ok);
    return usage;
  };
  const refuse = (usage: CallUsage | undefined, error: () => RbsmError) => {
    if (usage === undefined) return;
    aborter.abort();
    reject(error());
  };
  return {
    id,
    context,
    answer: promise,
    signal: aborter.signal,
    logs,
    succeed(frame) {
      const usage = settle(frame, true);
      if (usage !== undefined) resolve({ body: frame.body, usage, logs });
    },
    fail(code, message, detail = {}) {
      const usage = settle(undefined, false);
      refuse(usage, () => new RbsmError(code, message, { usage, ...detail }));
    },
    failWith(frame) {
      const usage = settle(frame, false);
      refuse(usage, () => failureError(frame, usage, options.readStack));
    },
  };
}

function usageFrom(frame: Frame | undefined, startedAt: number): CallUsage {
  const { data } = usageSchema.safeParse(frame?.head["usage"]);
  return {
    wallMs: performance.now() - startedAt,
    cpuMs: data?.cpuMs ?? 0,
    peakRssMb: data?.peakRssMb ?? 0,
  };
}

/** An error without a code of the prelude's or the runner's own is the plugin's. */
function failureError(
  frame: Frame,
  usage: CallUsage | undefined,
  readStack: (stack: string) => string,
): RbsmError {
  const { data } = failureSchema.safeParse(frame.head["error"]);
  if (data === undefined)
    return new RbsmError("plugin_crashed", "The plugin process gave an answer that is not valid", {
      usage,
    });
  const { code, message, stack, ...rest } = data;
  return new RbsmError(isErrorCode(code) ? code : "plugin_threw", message, {
    usage,
    ...rest,
    ...(stack === undefined ? {} : { stack: readStack(stack) }),
  });
}

/** Wall time that is left, at least 1 ms: the child reports the end of it. */
export function remaining(budget: CallBudget, startedAt: number): number {
  return Math.max(1, budget.wallMs - (performance.now() - startedAt));
}
