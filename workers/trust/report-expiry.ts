import { writeDatabase } from "../database.ts";
import type { Bindings } from "../env.ts";
import { dueForCeremony } from "./plan-publication.ts";
import { loadRoles } from "./queries.ts";

/** Says in the Worker's log, at each cron, what people have to sign anew soon. */
export async function reportExpiry(env: Bindings, now: Date): Promise<void> {
  const roles = await loadRoles(writeDatabase(env));
  for (const { role, version, expiresAt } of dueForCeremony(roles, now.getTime())) {
    const expires = new Date(expiresAt).toISOString();
    console.error({
      trust: "A ceremony is due: hosts will install and update nothing",
      role,
      version,
      expires,
    });
  }
}
