import { setTimeout } from "../timers.ts";
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./events.ts";

type Handler = (this: AbortSignal, event: Event) => unknown;

// Only a controller settles its signal: plugin code has no such method.
let settle: (signal: AbortSignal, reason: unknown) => void;
let follow: (signal: AbortSignal, source: AbortSignal) => void;
const secret = Symbol("only AbortController makes signals");

export class AbortSignal extends EventTarget {
  #isAborted = false;
  #reason: unknown = undefined;
  #onabort: Handler | null = null;
  /** Signals that are aborted with this one, before anybody hears of it. */
  readonly #followers: AbortSignal[] = [];

  constructor(key?: unknown) {
    super();
    if (key !== secret) throw new TypeError("Illegal constructor");
  }

  static abort(reason?: unknown): AbortSignal {
    const controller = new AbortController();
    controller.abort(reason);
    return controller.signal;
  }

  static timeout(ms: unknown): AbortSignal {
    const delay = Number(ms);
    if (!(delay >= 0)) throw new TypeError("The delay is not a time");
    const controller = new AbortController();
    setTimeout(
      () => controller.abort(new DOMException("The operation timed out", "TimeoutError")),
      delay,
    );
    return controller.signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const sources = Array.from(signals);
    const signal = new AbortSignal(secret);
    for (const source of sources)
      if (!(source instanceof AbortSignal)) throw new TypeError("An AbortSignal is needed");
    const aborted = sources.find((source) => source.aborted);
    if (aborted !== undefined) settle(signal, aborted.reason);
    else for (const source of sources) follow(signal, source);
    return signal;
  }

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  get onabort(): Handler | null {
    return this.#onabort;
  }
  set onabort(handler: unknown) {
    const isNew = this.#onabort === null;
    this.#onabort =
      typeof handler === "function" ? (event) => Reflect.apply(handler, this, [event]) : null;
    if (isNew) this.addEventListener("abort", this.#callHandler);
  }

  throwIfAborted(): void {
    // oxlint-disable-next-line typescript/only-throw-error -- the reason may be any value by the standard
    if (this.#isAborted) throw this.#reason;
  }

  readonly #callHandler = (event: Event) => this.#onabort?.(event);

  static {
    settle = (signal, reason) => {
      if (signal.#isAborted) return;
      const all = [signal];
      for (let at = 0; at < all.length; at += 1) {
        const next = all[at];
        if (next === undefined || next.#isAborted) continue;
        next.#isAborted = true;
        next.#reason = reason;
        all.push(...next.#followers.splice(0).filter((other) => !other.#isAborted));
      }
      for (const next of new Set(all)) next.dispatchEvent(new Event("abort"));
    };
    follow = (signal, source) => {
      source.#followers.push(signal);
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
