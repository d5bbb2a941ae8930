import type { LicenseDescription } from "@rising-bsm/host-sdk";
import { plainText } from "../plain-text.ts";

/** Licenses as a person reads them. */
export function licensesText(licenses: readonly LicenseDescription[], at: Date | null): string {
  if (licenses.length === 0) return "there are no licenses";
  const when = at === null ? [] : [`as it will be at ${at.toISOString()} if nothing is renewed\n`];
  return [...when, ...licenses.map(licenseText)].join("\n");
}

function licenseText(license: LicenseDescription): string {
  const lines = [
    ["state", stateText(license)],
    ["kind", license.kind],
    ["sold to", license.org],
    ["paid until", license.until],
    ["updates until", license.updatesUntil],
    ["lease", leaseText(license)],
    ["seats", license.seats],
    ["users", license.users],
    ["allows", allowsText(license)],
    ["warning", license.warning],
    ["refused", refusalText(license)],
    ["problem", license.problem?.message],
    ["license", license.licenseId],
  ] as const;
  const shown = lines.flatMap(([name, value]) =>
    value == null || value === "" ? [] : [`  ${name.padEnd(13)} ${plainText(String(value))}`],
  );
  return [license.plugin, ...shown].join("\n");
}

function stateText({ state, stateUntil }: LicenseDescription): string {
  return stateUntil === null ? state : `${state} until ${stateUntil}`;
}

function leaseText({ leaseFrom, leaseUntil }: LicenseDescription): string {
  return leaseFrom === null || leaseUntil === null ? "" : `${leaseFrom} to ${leaseUntil}`;
}

function refusalText({ refusal }: LicenseDescription): string {
  return refusal === null ? "" : `${refusal.reason} at ${refusal.at}`;
}

function allowsText({ entitlements }: LicenseDescription): string {
  return Object.entries(entitlements)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(", ");
}
