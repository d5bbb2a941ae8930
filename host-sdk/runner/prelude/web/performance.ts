import { EventTarget } from "./events.ts";

const startedAt = Date.now();
const secret = Symbol("there is one performance object");

/** The clock has whole milliseconds: a finer one would help an attack on timing more than a plugin. */
export class Performance extends EventTarget {
  constructor(key?: unknown) {
    super();
    if (key !== secret) throw new TypeError("Illegal constructor");
  }

  get timeOrigin(): number {
    return startedAt;
  }

  now(): number {
    return Date.now() - startedAt;
  }

  toJSON(): { timeOrigin: number } {
    return { timeOrigin: startedAt };
  }
}

export const performance = new Performance(secret);
