/**
 * The plugin host of a Rising-BSM instance: finds, verifies, installs and runs plugins in sandboxed
 * child processes. `createPluginHost` is the way in; the stores and the simulated domain are what
 * it is built from, `DomainPort` with its methods and entities what an application's own domain is
 * written against; `/testing` has a host for tests.
 */
export type { AuditQuery } from "./broker/audit-log.ts";
export type { AuditRow } from "./broker/broker.ts";
export type { PerMinute, Quota } from "./broker/quotas.ts";
export { createHttpSend } from "./client/send.ts";
export type { HttpSendOptions, Incoming, Outgoing, Send } from "./client/send.ts";
export { createMarketplace } from "./client/marketplace.ts";
export type { JsonRequest, Marketplace, MarketplaceOptions, Prove } from "./client/marketplace.ts";
export type { DomainContext, DomainEvent, DomainPort } from "./domain/domain-port.ts";
export type {
  Appointment,
  ContactRequest,
  Customer,
  Note,
  Notification,
  RequestData,
} from "./domain/entities.ts";
export type { AppointmentFilter, CustomerFilter, RequestFilter } from "./domain/filters.ts";
export { DOMAIN_METHODS, isDomainMethod } from "./domain/methods.ts";
export type { DomainMethod, MethodContract } from "./domain/methods.ts";
export { createSimulatedDomain } from "./domain/simulated/simulated-domain.ts";
export type { SimulatedDomainOptions } from "./domain/simulated/simulated-domain.ts";
export { createPluginHost } from "./host.ts";
export type { CallOptions, HostUsage, PluginHost, SideloadOptions } from "./host.ts";
export type { HostLogger, HostOptions } from "./host-options.ts";
export type { HandleOptions } from "./http/handler.ts";
export type { Grant } from "./install/grant.ts";
export type { InstallStep, OnProgress, Progress } from "./install/progress.ts";
export type { PlannedPlugin, PluginRequest } from "./install/plan.ts";
export { openMarketplaceReader } from "./install/read-marketplace.ts";
export type {
  CheckedRelease,
  ListedRelease,
  MarketplaceReader,
  ReaderOptions,
} from "./install/read-marketplace.ts";
export type { LicenseDescription, LicenseWarning } from "./license/describe-license.ts";
export type { LicenseCalls } from "./license/host-licenses.ts";
export type {
  ImportedLicense,
  ImportOptions,
  OfflineLicenses,
  OfflineRequestOptions,
} from "./license/offline.ts";
export type { LicenseInfo } from "./license/license-info.ts";
export type { LicenseEvent } from "./license/license-news.ts";
export type { InstallOptions, UpdateOptions, VerifyResult } from "./lifecycle/administer.ts";
export type { HeldUpdate, TrustInfo } from "./lifecycle/check-for-updates.ts";
export type { Delivery, HookCounts } from "./lifecycle/deliver-events.ts";
export type { PermissionInfo, PluginInfo } from "./lifecycle/describe.ts";
export type { UpdateInfo } from "./lifecycle/find-updates.ts";
export type { LogChoice, LogLine } from "./lifecycle/plugin-logs.ts";
export type { Actor } from "./lifecycle/actor.ts";
export type { AdvisoryInfo } from "./lifecycle/revocations.ts";
export type { PluginState, Problem, StateChange, StateEvent } from "./lifecycle/slots.ts";
export type { NetworkOptions } from "./network/fetch.ts";
export type { Address, Lookup } from "./network/resolve-host.ts";
export { containmentReport } from "./runtime/containment.ts";
export type { ContainmentLayer, ContainmentReport } from "./runtime/containment.ts";
export type * from "./runtime/plugin-runtime.ts";
export type { Schedule, ScheduleInfo } from "./schedules/scheduler.ts";
export type { ConfigForm } from "./settings/check-config.ts";
export type { PluginSettings, SecretInfo } from "./settings/settings.ts";
export type { Change, HostStore, Range, Row } from "./store/host-store.ts";
export { createMemoryStore } from "./store/memory-store.ts";
export { createSqliteStore } from "./store/sqlite-store.ts";
export { openLog } from "./trust/log.ts";
export type { Fork, LogClient, LogOptions } from "./trust/log.ts";
export { openTrust, releaseKeyOf } from "./trust/trust.ts";
export type { Catalogue, Trust, TrustOptions, VerifiedTrust } from "./trust/trust.ts";
