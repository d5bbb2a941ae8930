import { hashLicenseKey, hex, RbsmError, sha256Hex, utf8 } from "@rising-bsm/protocol";
import { writeDatabase } from "../database.ts";
import type { Database } from "../database.ts";
import { secretBytes } from "../env.ts";
import type { AppContext } from "../http.ts";
import { NO_CONFLICTS } from "../licenses/decide-resume.ts";
import { instanceAudit, registrationAudit } from "../licenses/instance-audit.ts";
import { startTrial } from "../licenses/issue-license.ts";
import { registerInstance, writeActivation } from "../licenses/queries.ts";
import { findSeat } from "../licenses/seat.ts";
import type { Activation, License } from "../licenses/tables.ts";
import { mac } from "../mac.ts";
import { networkOf } from "../network-of.ts";
import type { PluginId } from "./plugin-id.ts";
import { holdSeat, loadVerification } from "./queries.ts";
import type { KnownLicense } from "./queries.ts";
import { decideVerification, heldUntil, hostNumberOf } from "./verify-license.ts";
import type { LegacyRefusal, VerificationFacts } from "./verify-license.ts";

export interface Presented {
  readonly licenseKey: string;
  readonly pluginId: PluginId;
  /** As the host sends it. */
  readonly hardwareId: string;
}

export type Verdict =
  | { readonly valid: true; readonly known: KnownLicense; readonly written: boolean }
  | { readonly valid: false; readonly error: LegacyRefusal };

/**
 * Whether the license may run on this hardware, which takes a seat or holds it for longer. Throws
 * `limit_rate` after too many unknown keys, `unavailable` when others take the seats at that moment.
 */
export async function runVerification(c: AppContext, presented: Presented): Promise<Verdict> {
  const db = writeDatabase(c.env);
  const hardware = await hashHardware(presented.hardwareId);
  const asked = {
    keyHash: await hashKey(presented.licenseKey),
    instanceId: `hardware:${hardware}`,
    guesser: await guesserOf(c, hardware),
  };
  const request = { pluginId: presented.pluginId, hardware };
  for (let tries = 0; tries < 3; tries++) {
    const now = Date.now();
    const facts = await loadVerification(db, asked, now);
    const decision = decideVerification(facts, request, now);
    switch (decision.kind) {
      case "limit":
        throw tooManyKeys();
      case "refuse":
        return { valid: false, error: decision.error };
      case "keep":
        return verdict(decision.license, facts, false);
      case "hold": {
        const { license, own } = decision;
        const overSeats = own.overSeats && findSeat(license, facts.taken) !== "seat";
        const next = { ...seatTimes(license, now), rid: hostNumberOf(own, request), overSeats };
        if (await holdSeat(db, own, next)) return verdict(license, facts, true);
        break;
      }
      case "take": {
        const { license, overSeats } = decision;
        const rid = hostNumberOf(facts.own, request);
        const seat = { license, own: facts.own, instanceId: asked.instanceId, overSeats, rid };
        if (await takeSeat(db, seat, { now, requestId: c.get("requestId") })) {
          return verdict(startTrial(license, now), facts, true);
        }
      }
    }
  }
  throw new RbsmError("unavailable", "The license is being activated elsewhere at this moment");
}

/** SHA-256 of the hardware id in its one spelling. */
export function hashHardware(hardwareId: string): Promise<string> {
  return sha256Hex(utf8(hardwareId.toLowerCase()));
}

/** A text that cannot be a license key is one that nobody has. */
async function hashKey(licenseKey: string): Promise<string | null> {
  return hashLicenseKey(licenseKey).catch(() => null);
}

/** Hardware ids cost nothing to make up, so it is the network that is counted, if it is known. */
async function guesserOf(c: AppContext, hardware: string): Promise<string> {
  const address = c.req.header("cf-connecting-ip");
  if (address === undefined) return `hardware:${hardware}`;
  const secret = secretBytes(c.env, "ISSUE_KEY");
  return `network:${hex(await mac(secret, "legacy network", networkOf(address)))}`;
}

function tooManyKeys(): RbsmError {
  return new RbsmError("limit_rate", "Too many license keys were refused", {
    fix: "Check the key, wait an hour and try again.",
  });
}

function verdict(
  license: License,
  { legacy, taken }: VerificationFacts,
  written: boolean,
): Verdict {
  return { valid: true, known: { license, legacy, taken: taken + 1 }, written };
}

/** No lease is out: what ends the activation frees its seat at once. */
function seatTimes(license: License, now: number) {
  return { leaseUntil: now, heldUntil: heldUntil(license, now) };
}

interface WantedSeat extends Pick<Activation, "instanceId" | "overSeats" | "rid"> {
  readonly license: License;
  readonly own: Activation | null;
}

/** Puts the license on the hardware as on an instance; of two that want the last seat one gets it. */
async function takeSeat(
  db: Database,
  { license, own, ...seat }: WantedSeat,
  { now, requestId }: { readonly now: number; readonly requestId: string },
): Promise<boolean> {
  const { instanceId } = seat;
  const instance = { id: instanceId, publicKey: instanceId, jkt: instanceId, createdAt: now };
  if (own === null) {
    const entry = registrationAudit(instanceId, { at: now, requestId });
    await registerInstance(db, { instance, network: null, most: Infinity }, entry);
  }
  const begun = startTrial(license, now);
  const activation: Activation = {
    ...seat,
    ...seatTimes(begun, now),
    id: own?.id ?? crypto.randomUUID(),
    licenseId: license.id,
    plugin: license.plugin,
    trial: license.kind === "trial" || own?.trial === true,
    seq: (own?.seq ?? 0) + 1,
    lease: "",
    endedAt: null,
    ...NO_CONFLICTS,
    createdAt: own?.createdAt ?? now,
  };
  const fact = { at: now, requestId };
  return writeActivation(
    db,
    { activation, own, license, begun, now },
    {
      activated: instanceAudit(activation, { ...fact, action: "license.activate" }),
      overSeats: instanceAudit(activation, { ...fact, action: "license.overage" }),
    },
  );
}
