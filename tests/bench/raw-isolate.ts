/**
 * The baseline "raw isolated-vm": the isolate in the process of the caller, no prelude, no limits but
 * memory and a timeout, JSON text in and out. A program of its own: a host never loads isolated-vm.
 */
import { z } from "zod";
import { loadAddon } from "../../host-sdk/runner/load-addon.ts";
import { findRunnerProgram } from "../../host-sdk/runtime/runner-program.ts";
import { measureCalls } from "./call-load.ts";

const ivm = loadAddon(findRunnerProgram().addon);
const isolate = new ivm.Isolate({ memoryLimit: 32 });
const context = await isolate.createContext();
const echo = await context.eval(
  `(() => {
    const echo = async (value) => value;
    return async (text) => JSON.stringify(await echo(JSON.parse(text)));
  })()`,
  { reference: true },
);

const Load = z.object({ payload: z.json(), calls: z.int(), inFlight: z.int() });

process.on("message", (message) => void answer(message));

async function answer(message: unknown): Promise<void> {
  const sample = await measureCalls(async (payload) => {
    const text: unknown = await echo.apply(undefined, [JSON.stringify(payload)], {
      timeout: 500,
      result: { promise: true, copy: true },
    });
    return JSON.parse(String(text));
  }, Load.parse(message));
  process.send?.(sample);
}
