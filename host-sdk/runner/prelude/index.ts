import { beginTurn } from "./accounts.ts";
import { setPluginData } from "./api.ts";
import { describeError } from "./errors.ts";
import { freezeRealm } from "./freeze-realm.ts";
import { sendableText, settleHostCall } from "./host-calls.ts";
import { installGlobals } from "./install-globals.ts";
import { adoptPlugin, findFunction, lifecycleArguments } from "./plugin-object.ts";
import { connect, type Post, post, type Turn, type TurnMessage } from "./port.ts";
import { requestFrom, responseText } from "./request-message.ts";
import { endCall, fireTimer } from "./timers.ts";
import { seedRandom } from "./web/random.ts";

/**
 * The code that is in an isolate before the plugin. The runner calls the function this script
 * returns once, and from then on only `turn`, with strings and numbers.
 */
export default function install(out: Post, limitsText: string, seed: string): Turn {
  connect(out, JSON.parse(limitsText));
  seedRandom(seed);
  installGlobals();
  freezeRealm();
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
    return responseText(await run?.([requestFrom(args[0])]));
  });
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
