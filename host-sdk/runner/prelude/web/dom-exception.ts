const LEGACY_CODES = new Map([
  ["InvalidCharacterError", 5],
  ["NotSupportedError", 9],
  ["SyntaxError", 12],
  ["AbortError", 20],
  ["QuotaExceededError", 22],
  ["TimeoutError", 23],
  ["DataCloneError", 25],
]);

export class DOMException extends Error {
  readonly code: number;

  constructor(message = "", name = "Error") {
    super(message);
    Object.defineProperty(this, "name", { value: name, configurable: true });
    this.code = LEGACY_CODES.get(name) ?? 0;
  }
}
