import { setTimeout } from "../timers.ts";
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./events.ts";

// Only a controller settles its signal: plugin code has no such method.
let settle: (signal: AbortSignal, reason: unknown) => void;
const secret = Symbol("only AbortController makes signals");

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  onabort: ((event: Event) => unknown) | null = null;

  constructor(key?: symbol) {
    super();
    if (key !== secret) throw new TypeError("Illegal constructor");
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- the reason may be any value by the standard
    if (this.#aborted) throw this.#reason;
  }

  static abort(reason?: unknown): AbortSignal {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }

  static timeout(ms: unknown): AbortSignal {
    const controller = new AbortController();
    setTimeout(
      () => controller.abort(new DOMException("The operation timed out", "TimeoutError")),
      ms,
    );
    return controller.signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  }

  static {
    settle = (signal, reason) => {
      if (signal.#aborted) return;
      signal.#aborted = true;
      signal.#reason = reason;
      const event = new Event("abort");
      signal.onabort?.(event);
      signal.dispatchEvent(event);
    };
  }
}

export class AbortController {
  readonly #signal = new AbortSignal(secret);

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason: unknown = new DOMException("The operation was aborted", "AbortError")): void {
    settle(this.#signal, reason);
  }
}
