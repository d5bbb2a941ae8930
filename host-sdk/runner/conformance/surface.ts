/**
 * What ECMA-429 (minimum common web API, 2025) asks for: its interfaces with their members by the
 * standards it refers to, and its globals. `differs` says where ours, though there, is not the same.
 */
export interface Asked {
  readonly name: string;
  /** Members of the prototype; statics have a dot before them. */
  readonly members?: string;
  /** Where the list of all that is reachable has the members that it inherits. */
  readonly inherits?: string;
  readonly differs?: string;
  /** Why it is left out. */
  readonly absent?: string;
}

const STREAMS = "bodies are whole in memory; only what reading a body needs is there";
const WORKERS = "an isolate has no other thread to talk to";
const ERROR_EVENTS = "errors that nobody handles are lines in the plugin's log";
const WASM = "machine code that the runtime cannot stop or measure";

export const INTERFACES: readonly Asked[] = [
  { name: "AbortController", members: "abort signal" },
  { name: "AbortSignal", members: ".abort .any .timeout aborted onabort reason throwIfAborted" },
  { name: "Blob", members: "arrayBuffer bytes size slice stream text type" },
  { name: "ByteLengthQueuingStrategy", absent: STREAMS },
  { name: "CompressionStream", absent: STREAMS },
  { name: "CountQueuingStrategy", absent: STREAMS },
  { name: "Crypto", members: "getRandomValues randomUUID subtle" },
  { name: "CryptoKey", members: "algorithm extractable type usages" },
  { name: "CustomEvent", members: "detail initCustomEvent" },
  { name: "DecompressionStream", absent: STREAMS },
  { name: "DOMException", members: "code message name", inherits: "Error.prototype" },
  { name: "ErrorEvent", absent: ERROR_EVENTS },
  {
    name: "Event",
    members:
      "bubbles cancelBubble cancelable composed composedPath currentTarget defaultPrevented eventPhase initEvent isTrusted preventDefault returnValue srcElement stopImmediatePropagation stopPropagation target timeStamp type",
    differs: "the time stamp has whole milliseconds",
  },
  { name: "EventTarget", members: "addEventListener dispatchEvent removeEventListener" },
  { name: "File", members: "lastModified name webkitRelativePath" },
  {
    name: "FormData",
    members: "append delete entries forEach get getAll has keys set values @@iterator",
  },
  {
    name: "Headers",
    members: "append delete entries forEach get getSetCookie has keys set values @@iterator",
  },
  { name: "MessageChannel", absent: WORKERS },
  { name: "MessageEvent", absent: WORKERS },
  { name: "MessagePort", absent: WORKERS },
  {
    name: "Performance",
    members: "now timeOrigin toJSON",
    differs: "the clock has whole milliseconds, against attacks by timing",
  },
  { name: "PromiseRejectionEvent", absent: ERROR_EVENTS },
  { name: "ReadableByteStreamController", absent: STREAMS },
  {
    name: "ReadableStream",
    members: ".from cancel getReader locked pipeThrough pipeTo tee values @@asyncIterator",
    differs: "no byte streams; a strategy's size() is not called, every chunk counts as one",
  },
  { name: "ReadableStreamBYOBReader", absent: STREAMS },
  { name: "ReadableStreamBYOBRequest", absent: STREAMS },
  { name: "ReadableStreamDefaultController", members: "close desiredSize enqueue error" },
  { name: "ReadableStreamDefaultReader", members: "cancel closed read releaseLock" },
  {
    name: "Request",
    inherits: "Request.[[Prototype]].prototype",
    members:
      "arrayBuffer blob body bodyUsed bytes cache clone credentials destination duplex formData headers integrity isHistoryNavigation isReloadNavigation json keepalive method mode redirect referrer referrerPolicy signal text url",
    differs: "of what only a browser heeds, the value is kept and shown",
  },
  {
    name: "Response",
    inherits: "Request.[[Prototype]].prototype",
    members:
      ".error .json .redirect arrayBuffer blob body bodyUsed bytes clone formData headers json ok redirected status statusText text type url",
    differs:
      "the host follows redirects and tells the last URL; `redirected` says whether it is another",
  },
  {
    name: "SubtleCrypto",
    members:
      "decrypt deriveBits deriveKey digest encrypt exportKey generateKey importKey sign unwrapKey verify wrapKey",
    differs: "SHA-1, SHA-256, SHA-384, SHA-512 and HMAC; other algorithms are NotSupportedError",
  },
  {
    name: "TextDecoder",
    members: "decode encoding fatal ignoreBOM",
    differs:
      "with `stream`, text in an East Asian encoding comes with the last call; `replacement` and `x-user-defined` are RangeError",
  },
  { name: "TextDecoderStream", absent: STREAMS },
  { name: "TextEncoder", members: "encode encodeInto encoding" },
  { name: "TextEncoderStream", absent: STREAMS },
  { name: "TransformStream", absent: STREAMS },
  { name: "TransformStreamDefaultController", absent: STREAMS },
  {
    name: "URL",
    members:
      ".canParse .createObjectURL .parse .revokeObjectURL hash host hostname href origin password pathname port protocol search searchParams toJSON toString username",
    differs:
      "a URL of more than 65,536 characters is not one; a host of ASCII whose Punycode is broken is one, as in Node",
  },
  { name: "URLPattern", absent: "routing is the host's: see `routes` in the manifest" },
  {
    name: "URLSearchParams",
    members:
      "append delete entries forEach get getAll has keys set size sort toString values @@iterator",
  },
  { name: "WebAssembly", absent: WASM },
  { name: "WritableStream", absent: STREAMS },
  { name: "WritableStreamDefaultController", absent: STREAMS },
  { name: "WritableStreamDefaultWriter", absent: STREAMS },
];

export const GLOBALS: readonly Asked[] = [
  { name: "globalThis", differs: "it is no EventTarget; globals that exist cannot be changed" },
  { name: "atob" },
  { name: "btoa" },
  { name: "clearTimeout" },
  { name: "clearInterval" },
  { name: "console", differs: "debug, log, info, warn, error and trace, into the plugin's log" },
  { name: "crypto" },
  { name: "fetch", differs: "a host call: only the hosts that the plugin was granted" },
  { name: "navigator" },
  { name: "onerror", absent: ERROR_EVENTS },
  { name: "onunhandledrejection", absent: ERROR_EVENTS },
  { name: "onrejectionhandled", absent: ERROR_EVENTS },
  { name: "performance" },
  { name: "queueMicrotask" },
  { name: "reportError", differs: "a line in the plugin's log, not an event" },
  { name: "self" },
  { name: "setTimeout", differs: "a timer ends with the call that set it" },
  { name: "setInterval", differs: "a timer ends with the call that set it" },
  { name: "structuredClone", differs: "a Proxy is cloned as what it stands for" },
];
