import { InvalidArgumentError } from "commander";
import type { Json } from "@rising-bsm/protocol";

/** Reads the arguments of a method as a person types them. */
export function jsonArray(text: string): Json[] {
  const value = parsed(text);
  if (Array.isArray(value)) return value;
  throw new InvalidArgumentError(`It must be a JSON array like '["Ada", 3]'.`);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
