/** An own member of a parsed JSON object; undefined when the value is no object or has none. */
export function jsonField(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

/** Such a member when it is a text. */
export function textField(value: unknown, name: string): string | undefined {
  const found = jsonField(value, name);
  return typeof found === "string" ? found : undefined;
}
