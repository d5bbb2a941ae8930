/** Events a manifest may name under `hooks`: `<entity>.<what happened>`. */
export const HOOK_EVENTS = [
  "customers.created",
  "customers.updated",
  "customers.status_changed",
  "customers.deleted",
  "appointments.created",
  "appointments.updated",
  "appointments.status_changed",
  "appointments.deleted",
  "requests.created",
  "requests.updated",
  "requests.status_changed",
  "requests.assigned",
  "requests.converted",
  "requests.deleted",
] as const;

/** One of `HOOK_EVENTS`. */
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** The permission a plugin needs to receive the event: to see what it is about. */
export function hookPermission(event: HookEvent): string {
  return `${event.slice(0, event.indexOf("."))}.view`;
}
