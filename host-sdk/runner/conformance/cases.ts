import { BODY_CASES } from "./body-cases.ts";
import { CRYPTO_CASES } from "./crypto-cases.ts";
import { EVENT_CASES } from "./event-cases.ts";
import { TEXT_CASES } from "./text-cases.ts";
import { URL_CASES } from "./url-cases.ts";

/** A fact of a standard and an expression that is true where the fact holds. */
export type Case = readonly [fact: string, expression: string];

/** By interface or global. `throws(name, run)` and `rejects(name, promise)` are given. */
export const CASES: Readonly<Record<string, readonly Case[]>> = {
  ...URL_CASES,
  ...TEXT_CASES,
  ...EVENT_CASES,
  ...BODY_CASES,
  ...CRYPTO_CASES,
};

/** What the expressions may use beside the web APIs. */
export const HELPERS = `
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const throws = (name, run) => { try { run(); return false } catch (error) { return error.name === name } };
  const rejects = async (name, promise) => { try { await promise; return false } catch (error) { return error.name === name } };
  const bytes = (...list) => new Uint8Array(list);
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
`;
