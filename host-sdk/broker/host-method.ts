import { RbsmError, type Finding, type Json } from "@rising-bsm/protocol";
import type { z } from "zod";
import type { BrokerContext } from "./grants.ts";
import type { Quota } from "./quotas.ts";

/** Where a host call comes from. */
export interface CallSite {
  readonly context: BrokerContext;
  readonly method: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Aborted when the plugin's call is over. */
  readonly signal: AbortSignal;
  /** End of the plugin call's wall time on the clock of performance.now(); null: not known. */
  readonly deadline: number | null;
}

/** A host call as the broker runs it once the permission is there. */
export interface HostMethod {
  /** null: every plugin may, without a grant. */
  readonly permission: string | null;
  /** What it uses up beside the quota of all host calls. */
  readonly quotas?: readonly Quota[];
  /** The permission that these arguments need, where it depends on them: for the audit, `run` checks it. */
  readonly permissionOf?: (args: Json[]) => string | null;
  readonly run: (args: Json[], site: CallSite) => Promise<Json>;
}

/** A host call whose work gets arguments of the right shape; others are `request_invalid`. */
export function hostMethod<A extends z.ZodType>(
  permission: string | null,
  args: A,
  run: (args: z.output<A>, site: CallSite) => Promise<Json>,
): HostMethod {
  return {
    permission,
    run: async (values, site) => run(checkArgs(args, values, site.method), site),
  };
}

function checkArgs<A extends z.ZodType>(schema: A, values: Json[], method: string): z.output<A> {
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const findings = parsed.error.issues.map(toFinding);
  const list = findings.map((finding) => `${finding.path}: ${finding.message}`).join("; ");
  throw new RbsmError("request_invalid", `${method} was called wrongly. ${list}`, { findings });
}

function toFinding(issue: { path: PropertyKey[]; message: string }): Finding {
  const steps = issue.path.map((step) =>
    typeof step === "number" ? `[${step}]` : `.${String(step)}`,
  );
  return { rule: "host_call_argument", path: `args${steps.join("")}`, message: issue.message };
}
