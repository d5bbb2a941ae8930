/** Categories a manifest may choose from, in the order a catalogue shows them. */
export const CATEGORIES = [
  "customers",
  "appointments",
  "requests",
  "communication",
  "marketing",
  "automation",
  "finance",
  "documents",
  "reporting",
  "team",
  "integrations",
  "security",
  "utilities",
] as const;

/** One of `CATEGORIES`. */
export type Category = (typeof CATEGORIES)[number];
