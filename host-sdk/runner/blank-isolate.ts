import type IsolatedVm from "isolated-vm";
import { randomBytes } from "node:crypto";
import type { PostMessage, PreludeLimits } from "./prelude/port.ts";
import type { Ivm } from "./load-addon.ts";
import { createErrands } from "./run-errand.ts";

/** An isolate with the prelude in it and no plugin yet. */
export interface BlankIsolate {
  readonly isolate: IsolatedVm.Isolate;
  readonly context: IsolatedVm.Context;
  /** The function `turn` of the prelude. */
  readonly turn: IsolatedVm.Reference<unknown>;
  readonly memoryMb: number;
  /** Set by whoever takes the isolate. */
  readonly listeners: {
    post: (...message: PostMessage) => void;
    /** An errand kept this thread for so many ms. */
    errand: (ms: number) => void;
    catastrophe: () => void;
  };
}

export type MakeIsolate = (memoryMb: number) => Promise<BlankIsolate>;

/**
 * Returns a function that makes isolates. The first one compiles the prelude; the others use what
 * V8 kept of that.
 */
export function createIsolateMaker(ivm: Ivm, prelude: string, limits: PreludeLimits): MakeIsolate {
  let cachedData: IsolatedVm.ExternalCopy<ArrayBuffer> | undefined;
  return async (memoryMb) => {
    const listeners: BlankIsolate["listeners"] = {
      post: () => {},
      errand: () => {},
      catastrophe: () => {},
    };
    const isolate = new ivm.Isolate({
      memoryLimit: memoryMb,
      onCatastrophicError: () => listeners.catastrophe(),
    });
    const context = await isolate.createContext();
    const script = await isolate.compileScript(prelude, {
      filename: "rbsm-prelude.js",
      ...(cachedData === undefined ? { produceCachedData: true } : { cachedData }),
    });
    // The type declarations leave this property out.
    const produced: unknown = Reflect.get(script, "cachedData");
    if (produced instanceof ivm.ExternalCopy) cachedData ??= produced;
    const install: IsolatedVm.Reference<unknown> = await script.run(context, { reference: true });
    const post = new ivm.Callback((...message: PostMessage) => listeners.post(...message), {
      ignored: true,
    });
    const errand = new ivm.Callback(createErrands((ms) => listeners.errand(ms)));
    const turn = await install.apply(
      undefined,
      [post, errand, JSON.stringify(limits), randomBytes(32).toString("hex")],
      {
        result: { reference: true },
      },
    );
    return { isolate, context, turn, memoryMb, listeners };
  };
}
