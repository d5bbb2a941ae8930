import type { LicenseEvent } from "@rising-bsm/protocol";
import { isoTime } from "../iso-time.ts";
import { showLicense } from "../licenses/show-license.ts";
import type { License } from "../licenses/tables.ts";

/** Where an event stands among those of its publisher. */
export interface EventPlace {
  readonly number: number;
  readonly nonce: string;
}

/** What happened, and the license as it is now. */
export interface StoredEvent extends EventPlace {
  readonly action: string;
  readonly actor: string;
  readonly at: number;
  readonly license: License;
}

const DIGITS = 12;
const EVENT_ID = /^evt_(\d{12})_([0-9a-f]{16})$/;

/** Ids sort as text in the order of events, and contain no dot, which ends them where they are signed. */
export function eventId({ number, nonce }: EventPlace): string {
  return `evt_${String(number).padStart(DIGITS, "0")}_${nonce}`;
}

/** Null for what is no id of an event. */
export function readEventId(id: string): EventPlace | null {
  const [, number, nonce] = EVENT_ID.exec(id) ?? [];
  return number === undefined || nonce === undefined ? null : { number: Number(number), nonce };
}

/** What is told about an event. No license key is known here, and nobody's token or proof. */
export function describeEvent(event: StoredEvent, now: number): LicenseEvent {
  const { license, actor } = event;
  return {
    id: eventId(event),
    type: event.action,
    timestamp: isoTime(event.at),
    data: {
      license: { ...showLicense(license, now), revision: license.revision },
      instanceId: actor.startsWith("instance:") ? actor.slice("instance:".length) : null,
    },
  };
}
