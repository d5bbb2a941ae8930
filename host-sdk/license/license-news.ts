import type { LicenseDescription } from "./describe-license.ts";
import { endsGrace } from "./refusal.ts";

/** A plugin's license allows something else than before, or people should be told something else. */
export interface LicenseEvent {
  readonly plugin: string;
  readonly state: LicenseDescription["state"];
  readonly before: LicenseDescription["state"];
  readonly warning: LicenseDescription["warning"];
  /** ISO time at which the state changes if no renewal gets through; null is never. */
  readonly until: string | null;
  /**
   * `activated`, `renewed` and `returned` are what was done; `unrenewed`: no renewal got through in
   * time; `refused`: the marketplace takes the license back; `not-covered`: the perpetual license
   * ended its updates before this version; `warned`: the state is the same, the warning another.
   */
  readonly reason:
    | "activated"
    | "renewed"
    | "returned"
    | "unrenewed"
    | "refused"
    | "not-covered"
    | "warned";
  /** ISO time. */
  readonly at: string;
}

/** The last word to listeners about each plugin's license: its state and, after a blank, the warning. */
export type Told = Readonly<Record<string, string>>;

/** What there is to tell of a license. */
export type Tellable = Pick<
  LicenseDescription,
  "plugin" | "state" | "warning" | "stateUntil" | "refusal" | "kind"
>;

/** What listeners will have been told when they have heard of these. */
export function toldOf(licenses: readonly Tellable[]): Told {
  const held = licenses.filter(({ state }) => state !== "none");
  return Object.fromEntries(held.map((one) => [one.plugin, wordOf(one)]));
}

/** The events that lead from what was told to how the licenses are. */
export function newsOf(licenses: readonly Tellable[], told: Told, at: string): LicenseEvent[] {
  return licenses
    .filter((one) => wordOf(one) !== (told[one.plugin] ?? "none"))
    .map((one) => {
      const { plugin, state, warning, stateUntil: until } = one;
      const before = toldState(told, plugin);
      return { plugin, state, before, warning, until, reason: reasonOf(one, before), at };
    });
}

/** Whether the license is worse than what was told: a renewal is tried before anybody hears of it. */
export function isWorse({ plugin, state }: Tellable, told: Told): boolean {
  return (state === "grace" || state === "restricted") && toldState(told, plugin) !== state;
}

function wordOf({ state, warning }: Tellable): string {
  return warning === null ? state : `${state} ${warning}`;
}

function toldState(told: Told, plugin: string): LicenseDescription["state"] {
  const word = told[plugin]?.split(" ")[0];
  return word === "active" || word === "grace" || word === "restricted" ? word : "none";
}

function reasonOf(
  { state, refusal, kind }: Tellable,
  before: LicenseDescription["state"],
): LicenseEvent["reason"] {
  if (state === before) return "warned";
  if (state === "none") return "returned";
  if (state === "active") return before === "none" ? "activated" : "renewed";
  if (refusal !== null && endsGrace(refusal)) return "refused";
  return kind === "perpetual" ? "not-covered" : "unrenewed";
}
