import type { Json } from "@rising-bsm/protocol";
import type { z } from "zod";
import type { DomainPort } from "../domain/domain-port.ts";
import {
  DOMAIN_METHODS,
  isDomainMethod,
  type DomainMethod,
  type MethodContract,
} from "../domain/methods.ts";
import { hostMethod, type HostMethod } from "./host-method.ts";
import type { Quota } from "./quotas.ts";

/** The calls that reach the application's data. */
export function domainCalls(domain: DomainPort): [string, HostMethod][] {
  return Object.keys(DOMAIN_METHODS)
    .filter(isDomainMethod)
    .map((name) => [name, domainCall(domain, name, DOMAIN_METHODS[name])]);
}

function domainCall(
  domain: DomainPort,
  name: DomainMethod,
  contract: MethodContract<z.ZodType<unknown[]>, z.ZodType<Json>>,
): HostMethod {
  const call = hostMethod(contract.permission, contract.args, async (args, { context }) => {
    const { plugin, actor } = context;
    const actorId = actor === null ? null : String(actor.id);
    const result = await domain.call(name, toJson(args), { plugin, actorId });
    // An adapter that answers another shape is a fault of the host, not of the plugin: the parse
    // error becomes `internal` and nothing of a wrong row reaches the plugin.
    return contract.result.parse(result);
  });
  return { ...call, quotas: quotasOf(name, contract.permission) };
}

function quotasOf(name: DomainMethod, permission: string): Quota[] {
  if (permission.endsWith(".view")) return [];
  return name === "notifications.send" ? ["writes", "notifications"] : ["writes"];
}

/** What the check made of the arguments, as they cross: an argument left out is null. */
function toJson(args: unknown[]): Json[] {
  const crossed: Json[] = JSON.parse(JSON.stringify(args));
  return crossed;
}
