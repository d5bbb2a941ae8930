import type { RequestInput } from "@rising-bsm/plugin-sdk";
import { z } from "zod";

/** When somebody would like to be called. */
export const TIMES = ["morning", "afternoon", "evening"] as const;

/** What the form sends. `website` is a trap: people do not see it, programs fill it in. */
export const Callback = z.object({
  name: z.string().trim().min(1).max(100),
  email: z.email().max(100),
  phone: z
    .string()
    .trim()
    .regex(/^[\d+()/ -]{5,30}$/),
  topic: z.string().trim().min(1).max(50),
  time: z.array(z.enum(TIMES)).default([]),
  message: z.string().trim().max(2_000).default(""),
  website: z.string().default(""),
});

/** The request that a callback becomes. */
export function toRequest(callback: z.output<typeof Callback>): RequestInput {
  const { name, email, phone, topic, time, message } = callback;
  return {
    name,
    email,
    phone,
    service: topic,
    message: message === "" ? topic : message,
    source: "callback-form",
    metadata: { callback: true, time },
  };
}
