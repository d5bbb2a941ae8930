import type { LeaseTerms } from "./sign-lease.ts";
import type { Activation, License } from "./tables.ts";

/** A noon that every test of this folder counts from. */
export const NOON = Date.UTC(2026, 9, 10, 12);
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export function sampleLicense(changes: Partial<License> = {}): License {
  return {
    id: "license-1",
    keyHash: "0".repeat(64),
    plugin: "@demo/invoices",
    plan: "pro",
    kind: "subscription",
    state: "active",
    seats: 1,
    users: null,
    entitlements: { pro: true },
    org: "Muster GmbH",
    period: "month",
    trialDays: null,
    until: NOON + 20 * DAY_MS,
    updatesUntil: null,
    transferredAt: null,
    overage: 0,
    payment: "ok",
    orderId: null,
    revision: 1,
    createdAt: NOON,
    ...changes,
  };
}

export function sampleActivation(changes: Partial<Activation> = {}): Activation {
  return {
    id: "activation-1",
    licenseId: "license-1",
    instanceId: "instance-1",
    plugin: "@demo/invoices",
    trial: false,
    seq: 3,
    rid: "rid-3",
    lease: "lease-3",
    leaseUntil: NOON + 14 * DAY_MS,
    heldUntil: NOON + 14 * DAY_MS,
    endedAt: null,
    conflicts: 0,
    conflictsSince: null,
    overSeats: false,
    resumes: 0,
    resumesSince: null,
    resumedSeq: null,
    createdAt: NOON,
    ...changes,
  };
}

export function sampleTerms(changes: Partial<LeaseTerms> = {}): LeaseTerms {
  return {
    license: sampleLicense(),
    activationId: "activation-1",
    instanceId: "instance-1",
    jkt: "key",
    seq: 4,
    nonce: undefined,
    delivery: "online",
    overSeats: false,
    before: null,
    ...changes,
  };
}
