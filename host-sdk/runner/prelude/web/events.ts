import { reportError } from "../report-error.ts";
import { DOMException } from "./dom-exception.ts";
import { domString } from "./web-idl.ts";

/** Event and EventTarget of the DOM standard without a tree: nothing captures and nothing bubbles. */

const NONE = 0;
const AT_TARGET = 2;

interface EventInit {
  readonly bubbles?: unknown;
  readonly cancelable?: unknown;
  readonly composed?: unknown;
}

// Only this module sends an event through its phases: plugin code has no such methods.
let begin: (event: Event, target: EventTarget) => void;
let end: (event: Event) => void;
let isStopped: (event: Event) => boolean;
let setPassive: (event: Event, passive: boolean) => void;

export class Event {
  readonly #type: string;
  readonly #bubbles: boolean;
  readonly #cancelable: boolean;
  readonly #composed: boolean;
  readonly #timeStamp = Date.now();
  #target: EventTarget | null = null;
  #phase = NONE;
  #isPrevented = false;
  #isStopped = false;
  #isStoppedAtOnce = false;
  #isPassive = false;

  constructor(...[type, init]: readonly [unknown?, (EventInit | null)?]) {
    if (type === undefined) throw new TypeError("An event has a type");
    this.#type = domString(type);
    this.#bubbles = Boolean(init?.bubbles);
    this.#cancelable = Boolean(init?.cancelable);
    this.#composed = Boolean(init?.composed);
  }

  get type(): string {
    return this.#type;
  }

  get target(): EventTarget | null {
    return this.#target;
  }

  get srcElement(): EventTarget | null {
    return this.#target;
  }

  get currentTarget(): EventTarget | null {
    return this.#phase === NONE ? null : this.#target;
  }

  get eventPhase(): number {
    return this.#phase;
  }

  get bubbles(): boolean {
    return this.#bubbles;
  }

  get cancelable(): boolean {
    return this.#cancelable;
  }

  get composed(): boolean {
    return this.#composed;
  }

  get defaultPrevented(): boolean {
    return this.#isPrevented;
  }

  get returnValue(): boolean {
    return !this.#isPrevented;
  }
  set returnValue(value: boolean) {
    if (!value) this.preventDefault();
  }

  get cancelBubble(): boolean {
    return this.#isStopped;
  }
  set cancelBubble(value: boolean) {
    if (value) this.#isStopped = true;
  }

  get isTrusted(): boolean {
    return false;
  }

  get timeStamp(): number {
    return this.#timeStamp;
  }

  composedPath(): EventTarget[] {
    return this.#phase === NONE || this.#target === null ? [] : [this.#target];
  }

  preventDefault(): void {
    if (this.#cancelable && !this.#isPassive) this.#isPrevented = true;
  }

  stopPropagation(): void {
    this.#isStopped = true;
  }

  stopImmediatePropagation(): void {
    this.#isStopped = true;
    this.#isStoppedAtOnce = true;
  }

  static {
    begin = (event, target) => {
      if (event.#phase !== NONE)
        throw new DOMException("The event is being dispatched", "InvalidStateError");
      event.#target = target;
      event.#phase = AT_TARGET;
    };
    end = (event) => {
      event.#phase = NONE;
      event.#isStopped = false;
      event.#isStoppedAtOnce = false;
    };
    isStopped = (event) => event.#isStoppedAtOnce;
    setPassive = (event, passive) => {
      event.#isPassive = passive;
    };
  }
}

for (const [name, value] of Object.entries({
  NONE,
  CAPTURING_PHASE: 1,
  AT_TARGET,
  BUBBLING_PHASE: 3,
})) {
  Object.defineProperty(Event, name, { value, enumerable: true });
  Object.defineProperty(Event.prototype, name, { value, enumerable: true });
}

interface CustomEventInit extends EventInit {
  readonly detail?: unknown;
}

export class CustomEvent extends Event {
  readonly #detail: unknown;

  constructor(...[type, init]: readonly [unknown?, (CustomEventInit | null)?]) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail(): unknown {
    return this.#detail;
  }
}

export type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registration {
  readonly type: string;
  readonly listener: Listener;
  readonly capture: boolean;
  readonly once: boolean;
  readonly passive: boolean;
}

interface ListenOptions {
  readonly capture?: unknown;
  readonly once?: unknown;
  readonly passive?: unknown;
  readonly signal?: EventTarget & { readonly aborted: boolean };
}

type ListenArguments = readonly [
  type?: unknown,
  listener?: Listener | null,
  options?: ListenOptions | boolean | null,
];

export class EventTarget {
  #registrations: readonly Registration[] = [];

  addEventListener(...[type, listener, options]: ListenArguments): void {
    const { capture, once, passive, signal } = asOptions(options);
    if (listener === undefined || listener === null || signal?.aborted === true) return;
    const entry = {
      type: domString(type),
      listener: checkedListener(listener),
      capture: Boolean(capture),
      once: Boolean(once),
      passive: Boolean(passive),
    };
    if (this.#registrations.some((other) => isSame(other, entry))) return;
    this.#registrations = [...this.#registrations, entry];
    signal?.addEventListener("abort", () => this.#remove(entry));
  }

  removeEventListener(...[type, listener, options]: ListenArguments): void {
    if (listener === undefined || listener === null) return;
    const capture = Boolean(asOptions(options).capture);
    this.#remove({ type: domString(type), listener, capture });
  }

  /** What a listener throws is reported, and the others still hear of the event. */
  dispatchEvent(event: Event): boolean {
    if (!(event instanceof Event)) throw new TypeError("An Event is needed");
    begin(event, this);
    for (const entry of this.#registrations) {
      if (entry.type !== event.type || !this.#registrations.includes(entry)) continue;
      if (entry.once) this.#remove(entry);
      setPassive(event, entry.passive);
      callListener(entry.listener, event, this);
      setPassive(event, false);
      if (isStopped(event)) break;
    }
    end(event);
    return !event.defaultPrevented;
  }

  #remove(entry: Pick<Registration, "type" | "listener" | "capture">): void {
    this.#registrations = this.#registrations.filter((other) => !isSame(other, entry));
  }
}

function isSame(one: Registration, other: Pick<Registration, "type" | "listener" | "capture">) {
  return (
    one.type === other.type && one.listener === other.listener && one.capture === other.capture
  );
}

function asOptions(options: ListenOptions | boolean | null | undefined): ListenOptions {
  return typeof options === "object" && options !== null ? options : { capture: options };
}

function checkedListener(listener: Listener): Listener {
  if (typeof listener === "function" || typeof listener === "object") return listener;
  throw new TypeError("A listener is a function or an object");
}

function callListener(listener: Listener, event: Event, target: EventTarget): void {
  try {
    if (typeof listener === "function") Reflect.apply(listener, target, [event]);
    else listener.handleEvent(event);
  } catch (error) {
    reportError(error);
  }
}
