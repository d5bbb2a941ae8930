import { fetch } from "./fetch.ts";
import { console } from "./log.ts";
import { clearTimeout, queueMicrotask, setInterval, setTimeout } from "./timers.ts";
import { AbortController, AbortSignal } from "./web/abort.ts";
import { atob, btoa } from "./web/base64.ts";
import { DOMException } from "./web/dom-exception.ts";
import { CustomEvent, Event, EventTarget } from "./web/events.ts";
import { FormData } from "./web/form-data.ts";
import { Headers } from "./web/headers.ts";
import { crypto } from "./web/random.ts";
import { Request } from "./web/request.ts";
import { Response } from "./web/response.ts";
import { structuredClone } from "./web/structured-clone.ts";
import { TextDecoder, TextEncoder } from "./web/text-encoding.ts";

const startedAt = Date.now();

const GLOBALS = {
  AbortController,
  AbortSignal,
  CustomEvent,
  DOMException,
  Event,
  EventTarget,
  FormData,
  Headers,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  atob,
  btoa,
  clearInterval: clearTimeout,
  clearTimeout,
  console,
  crypto,
  fetch,
  performance: { now: () => Date.now() - startedAt, timeOrigin: startedAt },
  queueMicrotask,
  setInterval,
  setTimeout,
  structuredClone,
};

/** Web APIs that a plugin may rely on, as ECMA-429 names them; what is missing here is missing. */
export function installGlobals(): void {
  for (const [name, value] of Object.entries({ ...GLOBALS, self: globalThis })) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}
