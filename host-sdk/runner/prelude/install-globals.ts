import { fetch } from "./fetch.ts";
import { console } from "./log.ts";
import { reportError } from "./report-error.ts";
import { clearTimeout, queueMicrotask, setInterval, setTimeout } from "./timers.ts";
import { AbortController, AbortSignal } from "./web/abort.ts";
import { atob, btoa } from "./web/base64.ts";
import { Blob, File } from "./web/blob.ts";
import { DOMException } from "./web/dom-exception.ts";
import { CustomEvent, Event, EventTarget } from "./web/events.ts";
import { FormData } from "./web/form-data.ts";
import { Headers } from "./web/headers.ts";
import { Performance, performance } from "./web/performance.ts";
import {
  ReadableStream,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
} from "./web/readable-stream.ts";
import { Request } from "./web/request.ts";
import { Response } from "./web/response.ts";
import { structuredClone } from "./web/structured-clone.ts";
import { Crypto, crypto, CryptoKey, SubtleCrypto } from "./web/subtle-crypto.ts";
import { TextDecoder, TextEncoder } from "./web/text-encoding.ts";
import { URL } from "./web/url.ts";
import { URLSearchParams } from "./web/url-search-params.ts";

const INTERFACES = {
  AbortController,
  AbortSignal,
  Blob,
  Crypto,
  CryptoKey,
  CustomEvent,
  DOMException,
  Event,
  EventTarget,
  File,
  FormData,
  Headers,
  Performance,
  ReadableStream,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  Request,
  Response,
  SubtleCrypto,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
};

const VALUES = {
  atob,
  btoa,
  clearInterval: clearTimeout,
  clearTimeout,
  console,
  crypto,
  fetch,
  navigator: { userAgent: "Rising-BSM" },
  performance,
  queueMicrotask,
  reportError,
  self: globalThis,
  setInterval,
  setTimeout,
  structuredClone,
};

/** Web APIs that a plugin may rely on, as ECMA-429 names them; what is missing here is missing. */
export function installGlobals(): void {
  for (const [name, type] of Object.entries(INTERFACES)) shapeLikeAnInterface(name, type.prototype);
  for (const [name, value] of Object.entries({ ...INTERFACES, ...VALUES }))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

/** WebIDL: members can be enumerated, and the prototype has the name of the interface. */
function shapeLikeAnInterface(name: string, prototype: object): void {
  for (const key of Object.getOwnPropertyNames(prototype))
    if (key !== "constructor") Object.defineProperty(prototype, key, { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}
