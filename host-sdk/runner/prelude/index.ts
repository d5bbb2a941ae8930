import { beginTurn } from "./accounts.ts";
import { api, setPluginData } from "./api.ts";
import { connectErrands, type Errand } from "./errands.ts";
import { describeError } from "./errors.ts";
import { freezeRealm } from "./freeze-realm.ts";
import { sendableText, settleHostCall } from "./host-calls.ts";
import { installGlobals } from "./install-globals.ts";
import { adoptPlugin, findFunction, lifecycleArguments } from "./plugin-object.ts";
import { connect, type Post, post, type Turn, type TurnMessage } from "./port.ts";
import { requestFrom, responseText } from "./request-message.ts";
import { endCall, fireTimer } from "./timers.ts";
import { AbortController } from "./web/abort.ts";
import { DOMException } from "./web/dom-exception.ts";
import { seedRandom } from "./web/random.ts";

type Installation = readonly [out: Post, errand: Errand, limitsText: string, seed: string];

/**
 * The code that is in an isolate before the plugin. The runner calls the function this script
 * returns once, and from then on only `turn`, with strings and numbers.
 */
export default function install(...[out, errand, limitsText, seed]: Installation): Turn {
  connect(out, JSON.parse(limitsText));
  connectErrands(errand);
  seedRandom(seed);
  installGlobals();
  freezeRealm([api]);
  return turn;
}

function turn(...[kind, account, id, name, text]: TurnMessage): void {
  const opens = kind === "call" || kind === "adopt";
  beginTurn(account, opens);
  switch (kind) {
    case "adopt":
      exposeAdopt(account);
      break;
    case "call":
      void runCall(account, name, text);
      break;
    case "host":
    case "refused":
      settleHostCall(id, kind === "host", text);
      break;
    case "timer":
      fireTimer(id);
      break;
    case "end":
      abortRequest(account, name);
      endCall(account);
      break;
    case "data":
      setPluginData(text);
      break;
  }
}

/**
 * The entry module takes this function from the global object and deletes it there before the first
 * line of the plugin runs, then calls it with the default export of `main`.
 */
function exposeAdopt(account: number): void {
  const adopt = (exported: unknown) =>
    settle(account, async () => sendableText(adoptPlugin(exported)));
  Object.defineProperty(globalThis, "rbsmAdopt", { value: adopt, configurable: true });
}

async function runCall(account: number, key: string, argsText: string): Promise<void> {
  await settle(account, async () => {
    const run = findFunction(key);
    const args = lifecycleArguments(key, JSON.parse(argsText));
    if (!key.startsWith("request:")) return sendableText(await run?.(args));
    const controller = new AbortController();
    requests.set(account, controller);
    return responseText(await run?.([requestFrom(args[0], controller.signal)]));
  });
  requests.delete(account);
}

const requests = new Map<number, AbortController>();

/** While the call may still log: `reason` is "timeout" or empty. */
function abortRequest(account: number, reason: string): void {
  requests
    .get(account)
    ?.abort(
      reason === "timeout"
        ? new DOMException("The call took longer than it may", "TimeoutError")
        : new DOMException("Nobody waits for the answer any more", "AbortError"),
    );
  requests.delete(account);
}

async function settle(account: number, work: () => Promise<string>): Promise<void> {
  try {
    const text = await work();
    endCall(account);
    post("done", account, 0, "", text);
  } catch (error) {
    const message = describeError(error);
    endCall(account);
    post("fail", account, 0, "", JSON.stringify(message));
  }
}
