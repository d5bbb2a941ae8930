import type { Case } from "./cases.ts";

export const EVENT_CASES: Readonly<Record<string, readonly Case[]>> = {
  Event: [
    [
      "its attributes come from the constructor",
      `(() => { const e = new Event("x", { bubbles: 1, cancelable: true }); return e.type === "x" && e.bubbles === true && e.cancelable && !e.composed && !e.defaultPrevented && e.eventPhase === 0 && e.target === null })()`,
    ],
    ["it has a type", `throws("TypeError", () => new Event())`],
    [
      "only a cancelable event can be prevented",
      `(() => { const a = new Event("x", { cancelable: true }), b = new Event("x"); a.preventDefault(); b.preventDefault(); return a.defaultPrevented && !a.returnValue && !b.defaultPrevented })()`,
    ],
    [
      "its phases have constants",
      `Event.NONE === 0 && Event.AT_TARGET === 2 && new Event("x").BUBBLING_PHASE === 3`,
    ],
    [
      "while it is sent it knows its target",
      `(() => { const t = new EventTarget(); let seen; t.addEventListener("x", (e) => { seen = [e.target === t, e.currentTarget === t, e.eventPhase, e.composedPath()[0] === t] }); const e = new Event("x"); t.dispatchEvent(e); return same(seen, [true, true, 2, true]) && e.currentTarget === null && e.eventPhase === 0 && e.composedPath().length === 0 && e.target === t })()`,
    ],
  ],
  CustomEvent: [
    [
      "it carries any detail",
      `new CustomEvent("x", { detail: [1] }).detail[0] === 1 && new CustomEvent("x").detail === null && new CustomEvent("x") instanceof Event`,
    ],
  ],
  EventTarget: [
    [
      "listeners are called in order with the target as this",
      `(() => { const t = new EventTarget(); const seen = []; t.addEventListener("x", function () { seen.push(this === t) }); t.addEventListener("x", { handleEvent() { seen.push(2) } }); t.dispatchEvent(new Event("x")); return same(seen, [true, 2]) })()`,
    ],
    [
      "the same listener is added once for each phase",
      `(() => { const t = new EventTarget(); let n = 0; const f = () => { n += 1 }; t.addEventListener("x", f); t.addEventListener("x", f, { once: true }); t.addEventListener("x", f, true); t.dispatchEvent(new Event("x")); return n === 2 })()`,
    ],
    [
      "once removes before the call",
      `(() => { const t = new EventTarget(); let n = 0; t.addEventListener("x", () => { n += 1; t.dispatchEvent(new Event("x")) }, { once: true }); t.dispatchEvent(new Event("x")); return n === 1 })()`,
    ],
    [
      "a removed listener is not called, also while the event is sent",
      `(() => { const t = new EventTarget(); let n = 0; const f = () => { n += 1 }; t.addEventListener("x", () => t.removeEventListener("x", f)); t.addEventListener("x", f); t.dispatchEvent(new Event("x")); return n === 0 })()`,
    ],
    [
      "a listener that is added while the event is sent waits for the next",
      `(() => { const t = new EventTarget(); let n = 0; t.addEventListener("x", () => t.addEventListener("x", () => { n += 1 })); t.dispatchEvent(new Event("x")); return n === 0 })()`,
    ],
    [
      "stopImmediatePropagation keeps it from the others",
      `(() => { const t = new EventTarget(); let n = 0; t.addEventListener("x", (e) => e.stopImmediatePropagation()); t.addEventListener("x", () => { n += 1 }); t.dispatchEvent(new Event("x")); return n === 0 })()`,
    ],
    [
      "dispatchEvent says whether it was prevented",
      `(() => { const t = new EventTarget(); t.addEventListener("x", (e) => e.preventDefault()); return !t.dispatchEvent(new Event("x", { cancelable: true })) && t.dispatchEvent(new Event("x")) })()`,
    ],
    [
      "a passive listener cannot prevent",
      `(() => { const t = new EventTarget(); t.addEventListener("x", (e) => e.preventDefault(), { passive: true }); return t.dispatchEvent(new Event("x", { cancelable: true })) })()`,
    ],
    [
      "a signal removes its listeners",
      `(() => { const t = new EventTarget(), c = new AbortController(); let n = 0; t.addEventListener("x", () => { n += 1 }, { signal: c.signal }); c.abort(); t.dispatchEvent(new Event("x")); return n === 0 })()`,
    ],
    [
      "an event that is being sent is an InvalidStateError",
      `(() => { const t = new EventTarget(); let ok; t.addEventListener("x", (e) => { ok = throws("InvalidStateError", () => t.dispatchEvent(e)) }); t.dispatchEvent(new Event("x")); return ok })()`,
    ],
    [
      "null is no listener",
      `(() => { const t = new EventTarget(); t.addEventListener("x", null); t.removeEventListener("x", null); return t.dispatchEvent(new Event("x")) })()`,
    ],
    [
      "it can be extended",
      `(() => { class T extends EventTarget { n = 0; constructor() { super(); this.addEventListener("x", this) } handleEvent() { this.n += 1 } } const t = new T(); t.dispatchEvent(new Event("x")); return t.n === 1 })()`,
    ],
  ],
  AbortController: [
    [
      "abort settles its signal once, with a reason",
      `(() => { const c = new AbortController(); let n = 0; c.signal.onabort = () => { n += 1 }; c.abort("why"); c.abort("other"); return n === 1 && c.signal.aborted && c.signal.reason === "why" })()`,
    ],
    [
      "without a reason it is an AbortError",
      `(() => { const c = new AbortController(); c.abort(); return c.signal.reason instanceof DOMException && c.signal.reason.name === "AbortError" })()`,
    ],
    [
      "it has always the same signal",
      `(() => { const c = new AbortController(); return c.signal === c.signal })()`,
    ],
  ],
  AbortSignal: [
    ["it cannot be constructed", `throws("TypeError", () => new AbortSignal())`],
    [
      "abort gives an aborted one",
      `AbortSignal.abort().reason.name === "AbortError" && AbortSignal.abort(5).reason === 5`,
    ],
    [
      "timeout aborts with a TimeoutError",
      `new Promise((resolve) => { const s = AbortSignal.timeout(5); s.addEventListener("abort", () => resolve(s.reason.name === "TimeoutError" && s.aborted)) })`,
    ],
    [
      "any follows the first of its sources, with its reason",
      `(() => { const a = new AbortController(), b = new AbortController(); const s = AbortSignal.any([a.signal, b.signal]); b.abort(2); a.abort(1); return s.reason === 2 })()`,
    ],
    [
      "any of an aborted one is aborted at once",
      `AbortSignal.any([new AbortController().signal, AbortSignal.abort(3)]).reason === 3 && !AbortSignal.any([]).aborted`,
    ],
    [
      "followers are aborted before anybody hears of it",
      `(() => { const c = new AbortController(); const s = AbortSignal.any([AbortSignal.any([c.signal])]); let seen; c.signal.onabort = () => { seen = s.aborted }; c.abort(); return seen === true })()`,
    ],
    [
      "throwIfAborted throws the reason itself",
      `(() => { const reason = {}; try { AbortSignal.abort(reason).throwIfAborted() } catch (e) { return e === reason } })() && AbortSignal.any([]).throwIfAborted() === undefined`,
    ],
    [
      "onabort is one listener that can be replaced",
      `(() => { const c = new AbortController(); const seen = []; c.signal.onabort = () => seen.push(1); c.signal.onabort = () => seen.push(2); c.abort(); return same(seen, [2]) })()`,
    ],
  ],
  DOMException: [
    [
      "it has name, message and the old code",
      `(() => { const e = new DOMException("m", "NotFoundError"); return e.message === "m" && e.name === "NotFoundError" && e.code === 8 && e instanceof Error })()`,
    ],
    [
      "its defaults",
      `(() => { const e = new DOMException(); return e.message === "" && e.name === "Error" && e.code === 0 })()`,
    ],
    ["a cause may be given", `new DOMException("m", { name: "AbortError", cause: 5 }).cause === 5`],
    [
      "it has the old constants",
      `DOMException.ABORT_ERR === 20 && new DOMException().DATA_CLONE_ERR === 25`,
    ],
    [
      "as text it is like an error",
      `String(new DOMException("m", "AbortError")) === "AbortError: m" && Object.prototype.toString.call(new DOMException()) === "[object DOMException]"`,
    ],
  ],
  performance: [
    [
      "now counts from timeOrigin",
      `performance.now() >= 0 && Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000 && performance.toJSON().timeOrigin === performance.timeOrigin`,
    ],
    [
      "it is an EventTarget",
      `performance instanceof EventTarget && performance instanceof Performance && throws("TypeError", () => new Performance())`,
    ],
  ],
  navigator: [
    [
      "the user agent is one product",
      `/^[\\w!#$%&'*+.^\`|~-]+(\\/[\\w.]+)?$/.test(navigator.userAgent)`,
    ],
  ],
  self: [["it is the global object", `typeof self === "undefined" ? false : self === globalThis`]],
  reportError: [
    [
      "it takes any value and gives nothing",
      `reportError(new Error("reported")) === undefined && reportError(5) === undefined`,
    ],
  ],
};
