import { LEASE_ISSUER, LICENSE_LIMITS } from "@rising-bsm/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideResume } from "./decide-resume.ts";
import type { PresentedLease, ResumeFacts } from "./decide-resume.ts";
import { DAY_MS, NOON, sampleActivation, sampleLicense, sampleTerms } from "./sample-license.ts";
import { leaseClaims } from "./sign-lease.ts";
import type { License } from "./tables.ts";

const own = sampleActivation();
const facts: ResumeFacts = { license: sampleLicense(), own, taken: 0 };

function presented(seq: number, license: Partial<License> = {}): PresentedLease {
  const terms = sampleTerms({ seq, license: sampleLicense(license) });
  const claims = { iss: LEASE_ISSUER, ...leaseClaims(terms, NOON) } as const;
  return { activationId: "activation-1", lease: `lease-${seq}`, claims, rid: "rid" };
}

describe("of an instance that is behind", () => {
  test("the newest lease is answered and counted, once for each lease", () => {
    const counted = { resumes: 1, resumesSince: NOON, resumedSeq: 3 };
    expect(decideResume(facts, presented(2), NOON)).toEqual({ kind: "stored", own, counted });
    const again = { ...own, ...counted };
    expect(decideResume({ ...facts, own: again }, presented(2), NOON)).toEqual({
      kind: "stored",
      own: again,
      counted: null,
    });
  });

  test("the lease it holds already is answered without counting", () => {
    expect(decideResume(facts, presented(3), NOON)).toEqual({ kind: "stored", own, counted: null });
  });

  const counts = (resumes: number, resumesSince: number) =>
    decideResume({ ...facts, own: { ...own, resumes, resumesSince } }, presented(2), NOON);

  test("the sixth time in the window is one too many, and so is every later one", () => {
    const since = NOON - LICENSE_LIMITS.resumeWindowMs + 1;
    expect(counts(LICENSE_LIMITS.resumes - 1, since).kind).toBe("stored");
    const counted = { resumes: LICENSE_LIMITS.resumes + 1, resumesSince: since, resumedSeq: 3 };
    expect(counts(LICENSE_LIMITS.resumes, since)).toMatchObject({ kind: "hard", counted });
    const later = NOON - 10 * LICENSE_LIMITS.resumeWindowMs;
    expect(counts(LICENSE_LIMITS.resumes + 1, later)).toMatchObject({
      kind: "hard",
      counted: null,
    });
  });

  test("a new window counts from one", () => {
    const counted = { resumes: 1, resumesSince: NOON, resumedSeq: 3 };
    const decision = counts(LICENSE_LIMITS.resumes, NOON - LICENSE_LIMITS.resumeWindowMs);
    expect(decision).toMatchObject({ kind: "stored", counted });
  });

  test.for([
    [{ state: "suspended" }, "license_suspended"],
    [{ state: "revoked" }, "license_revoked"],
    [{ payment: "disputed" }, "license_disputed"],
    [{ payment: "refunded" }, "license_refunded"],
  ] as const)("nothing is answered while the license is %o", ([changes, code]) => {
    const license = sampleLicense(changes);
    for (const seq of [2, 3, 9]) {
      const decision = decideResume({ ...facts, license }, presented(seq), NOON);
      expect(decision).toEqual({ kind: "refuse", code, license });
    }
  });

  test("the last lease of a license that ran out is answered: it is nothing new", () => {
    const license = sampleLicense({ until: NOON });
    expect(decideResume({ ...facts, license }, presented(2), NOON).kind).toBe("stored");
  });

  test("a lease that was returned is over, whichever it presents", () => {
    const ended = { ...own, endedAt: NOON };
    for (const seq of [1, 2, 3]) {
      const decision = decideResume({ ...facts, own: ended }, presented(seq), NOON);
      expect(decision).toMatchObject({ kind: "refuse", code: "license_returned" });
    }
  });

  test("another activation of the same license has taken its place", () => {
    const other = { ...own, id: "activation-2" };
    expect(decideResume({ ...facts, own: other }, presented(9), NOON).kind).toBe("hard");
  });
});

describe("of an instance that is ahead", () => {
  test("its lease is taken over, and the counters stay", () => {
    const before = { ...own, resumes: 3, resumesSince: NOON, conflicts: 2, conflictsSince: NOON };
    const decision = decideResume({ ...facts, own: before }, presented(7), NOON);
    expect(decision).toMatchObject({
      kind: "adopt",
      activation: { ...before, seq: 7, lease: "lease-7", rid: "rid", endedAt: null },
    });
  });

  test("an activation that is gone is made again", () => {
    const decision = decideResume({ ...facts, own: null }, presented(7), NOON);
    const until = NOON + 14 * DAY_MS;
    expect(decision).toMatchObject({
      kind: "adopt",
      activation: {
        id: "activation-1",
        instanceId: "instance-1",
        licenseId: "license-1",
        seq: 7,
        leaseUntil: until,
        heldUntil: until,
        createdAt: NOON,
      },
    });
  });

  test("a lease after the one that was returned goes on", () => {
    const ended = { ...own, endedAt: NOON, heldUntil: NOON };
    const decision = decideResume({ ...facts, own: ended }, presented(4), NOON);
    expect(decision).toMatchObject({ kind: "adopt", activation: { endedAt: null, seq: 4 } });
  });

  test("seats are not exceeded, unless it sits there still", () => {
    const refused = { kind: "refuse", code: "license_no_seat" };
    const gone = { ...facts, own: null, taken: 1 };
    expect(decideResume(gone, presented(7), NOON)).toMatchObject(refused);
    expect(decideResume({ ...facts, taken: 1 }, presented(7), NOON).kind).toBe("adopt");
    const ended = { ...own, endedAt: NOON, heldUntil: NOON };
    expect(decideResume({ ...gone, own: ended }, presented(7), NOON)).toMatchObject(refused);
  });

  test("a lease that has ended takes no seat", () => {
    const gone = { ...facts, own: null, taken: 1 };
    expect(decideResume(gone, presented(7), NOON + 14 * DAY_MS).kind).toBe("adopt");
  });

  test.for([
    [{ kind: "trial", trialDays: 14, until: null }, NOON + 5 * DAY_MS, NOON + 5 * DAY_MS],
    [{ until: NOON + DAY_MS }, NOON + 30 * DAY_MS, NOON + 30 * DAY_MS],
    [{ until: NOON + 60 * DAY_MS }, NOON + 30 * DAY_MS, NOON + 60 * DAY_MS],
    [{ until: null }, NOON + 30 * DAY_MS, null],
    [{ until: NOON + 60 * DAY_MS }, null, NOON + 60 * DAY_MS],
  ] as const)("a license that was %o and proves %s ends at %s", ([known, proven, until]) => {
    const license = sampleLicense(known);
    const kind = license.kind;
    const decision = decideResume(
      { ...facts, license },
      presented(7, { kind, until: proven }),
      NOON,
    );
    expect(decision).toMatchObject({ kind: "adopt", raised: { ...license, until } });
  });
});

test("a license that is not there is nobody's", () => {
  const refused = { kind: "refuse", code: "license_unknown", license: null };
  expect(decideResume({ license: null, own: null, taken: 0 }, presented(1), NOON)).toEqual(refused);
});

test("whatever is presented, nothing that is stored gets less", () => {
  const activations = fc.record({
    seq: fc.integer({ min: 1, max: 9 }),
    endedAt: fc.option(fc.constant(NOON)),
    heldUntil: fc.integer({ min: NOON - 30 * DAY_MS, max: NOON + 90 * DAY_MS }),
    resumes: fc.integer({ min: 0, max: 7 }),
    trial: fc.boolean(),
  });
  const cases = fc.record({
    activation: activations,
    seq: fc.integer({ min: 1, max: 9 }),
    taken: fc.integer({ min: 0, max: 3 }),
    overage: fc.integer({ min: 0, max: 2 }),
    until: fc.integer({ min: NOON - 30 * DAY_MS, max: NOON + 90 * DAY_MS }),
  });
  const property = fc.property(cases, ({ activation, seq, taken, overage, until }) => {
    const before = { ...own, ...activation };
    const license = sampleLicense({ overage, until });
    const decision = decideResume({ license, own: before, taken }, presented(seq), NOON);
    if (decision.kind !== "adopt") return;
    expect(seq).toBeGreaterThan(before.seq);
    expect(decision.activation.heldUntil).toBeGreaterThanOrEqual(before.heldUntil);
    expect(decision.activation.resumes).toBe(before.resumes);
    expect(decision.activation.trial).toBe(before.trial);
    expect(decision.raised.until ?? 0).toBeGreaterThanOrEqual(until);
  });
  fc.assert(property);
});
