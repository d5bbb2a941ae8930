/** Event and EventTarget (DOM) without a tree: no capture phase, no bubbling. */

// Only this module starts an event: plugin code has no such method.
let start: (event: Event, target: EventTarget) => void;
let isStopped: (event: Event) => boolean;

export class Event {
  readonly type: string;
  readonly cancelable: boolean;
  readonly timeStamp = Date.now();
  #target: EventTarget | null = null;
  #prevented = false;
  #stopped = false;

  constructor(type: unknown, init: { cancelable?: boolean } = {}) {
    this.type = String(type);
    this.cancelable = Boolean(init.cancelable);
  }

  get target(): EventTarget | null {
    return this.#target;
  }

  get currentTarget(): EventTarget | null {
    return this.#target;
  }

  get defaultPrevented(): boolean {
    return this.#prevented;
  }

  preventDefault(): void {
    if (this.cancelable) this.#prevented = true;
  }

  stopImmediatePropagation(): void {
    this.#stopped = true;
  }

  stopPropagation(): void {}

  static {
    start = (event, target) => {
      event.#target = target;
      event.#stopped = false;
    };
    isStopped = (event) => event.#stopped;
  }
}

export class CustomEvent extends Event {
  readonly detail: unknown;

  constructor(type: unknown, init: { cancelable?: boolean; detail?: unknown } = {}) {
    super(type, init);
    this.detail = init.detail ?? null;
  }
}

export type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registration {
  readonly type: string;
  readonly listener: Listener;
  readonly once: boolean;
}

interface ListenOptions {
  readonly once?: boolean;
  readonly signal?: EventTarget & { readonly aborted: boolean };
}

export class EventTarget {
  #registrations: readonly Registration[] = [];

  addEventListener(
    type: unknown,
    listener: Listener | null,
    options: ListenOptions | boolean = {},
  ): void {
    const { once, signal } = typeof options === "object" ? options : {};
    if (listener === null || signal?.aborted === true) return;
    const name = String(type);
    if (this.#registrations.some((entry) => entry.type === name && entry.listener === listener))
      return;
    this.#registrations = [...this.#registrations, { type: name, listener, once: Boolean(once) }];
    signal?.addEventListener("abort", () => this.removeEventListener(name, listener), {
      once: true,
    });
  }

  removeEventListener(type: unknown, listener: Listener | null): void {
    const name = String(type);
    this.#registrations = this.#registrations.filter(
      (entry) => entry.type !== name || entry.listener !== listener,
    );
  }

  dispatchEvent(event: Event): boolean {
    start(event, this);
    for (const entry of this.#registrations) {
      if (entry.type !== event.type || !this.#registrations.includes(entry)) continue;
      if (entry.once) this.removeEventListener(entry.type, entry.listener);
      callListener(entry.listener, event, this);
      if (isStopped(event)) break;
    }
    return !event.defaultPrevented;
  }
}

function callListener(listener: Listener, event: Event, target: EventTarget): void {
  if (typeof listener === "function") Reflect.apply(listener, target, [event]);
  else listener.handleEvent(event);
}
