/**
 * A host for tests and for `rising-bsm run`: the production supervisor, sandbox and broker over the
 * simulated domain and a store in memory, without marketplace, signatures and data directory.
 */
export { createTestHost } from "./test-host.ts";
export type { TestCallOptions, TestHost, TestHostOptions, TestPlugin } from "./test-host.ts";
export type { Denial } from "../broker/denials.ts";
export type { DomainPort } from "../domain/domain-port.ts";
export type { Delivery } from "../lifecycle/deliver-events.ts";
export type { LogLine } from "../lifecycle/plugin-logs.ts";
export type { Actor } from "../lifecycle/actor.ts";
export type { CallOutcome, CallUsage, PluginUsage } from "../runtime/plugin-runtime.ts";
