import type { LocalText } from "./text.ts";

/** How much harm a grant allows: read, change, or destroy and administer. */
export type Risk = "low" | "medium" | "high";

/** What a permission allows, for the person who grants it. */
export interface Permission {
  readonly en: string;
  readonly de: string;
  readonly risk: Risk;
  /** Only a plugin of type `system` may ask for it. */
  readonly system?: true;
}

/** Every permission code of the application that a plugin may ask for, with one sentence each. */
export const PERMISSIONS = {
  "customers.view": {
    risk: "low",
    en: "See your customers and their notes",
    de: "Ihre Kunden und deren Notizen sehen",
  },
  "customers.create": { risk: "medium", en: "Create customers", de: "Kunden anlegen" },
  "customers.edit": {
    risk: "medium",
    en: "Change customers and add notes to them",
    de: "Kunden ändern und Notizen hinzufügen",
  },
  "customers.delete": { risk: "high", en: "Delete customers", de: "Kunden löschen" },

  "appointments.view": {
    risk: "low",
    en: "See your appointments and their notes",
    de: "Ihre Termine und deren Notizen sehen",
  },
  "appointments.create": { risk: "medium", en: "Create appointments", de: "Termine anlegen" },
  "appointments.edit": {
    risk: "medium",
    en: "Change and cancel appointments and add notes to them",
    de: "Termine ändern, absagen und Notizen hinzufügen",
  },
  "appointments.delete": { risk: "high", en: "Delete appointments", de: "Termine löschen" },

  "requests.view": {
    risk: "low",
    en: "See incoming requests, their notes and data",
    de: "Eingegangene Anfragen, deren Notizen und Daten sehen",
  },
  "requests.create": { risk: "medium", en: "Create requests", de: "Anfragen anlegen" },
  "requests.edit": {
    risk: "medium",
    en: "Change requests, add notes and data, link customers",
    de: "Anfragen ändern, Notizen und Daten hinzufügen, Kunden verknüpfen",
  },
  "requests.assign": {
    risk: "medium",
    en: "Assign requests to people of your team",
    de: "Anfragen Personen aus Ihrem Team zuweisen",
  },
  "requests.convert": {
    risk: "medium",
    en: "Turn requests into customers and appointments",
    de: "Anfragen in Kunden und Termine umwandeln",
  },
  "requests.delete": { risk: "high", en: "Delete requests", de: "Anfragen löschen" },

  "notifications.view": { risk: "low", en: "See notifications", de: "Benachrichtigungen sehen" },
  "notifications.send": {
    risk: "medium",
    en: "Send notifications to people of your team",
    de: "Benachrichtigungen an Personen aus Ihrem Team senden",
  },

  storage: { risk: "low", en: "Keep data of its own", de: "Eigene Daten speichern" },

  "plugins.manage": {
    risk: "high",
    system: true,
    en: "Install, update and remove plugins",
    de: "Plugins installieren, aktualisieren und entfernen",
  },
  "marketplace.view": {
    risk: "low",
    system: true,
    en: "Browse the marketplace",
    de: "Den Marktplatz durchsuchen",
  },
  "marketplace.manage": {
    risk: "high",
    system: true,
    en: "Manage licenses and purchases in the marketplace",
    de: "Lizenzen und Käufe im Marktplatz verwalten",
  },
} as const satisfies Record<string, Permission>;

/** A code of the table, always in its canonical spelling. */
export type PermissionCode = keyof typeof PERMISSIONS;

/** Codes of the first plugin system and what they mean today. */
const LEGACY: ReadonlyMap<string, readonly PermissionCode[]> = new Map([
  ["customers.read", ["customers.view"]],
  ["customers.write", ["customers.create", "customers.edit"]],
  ["appointments.read", ["appointments.view"]],
  ["appointments.write", ["appointments.create", "appointments.edit"]],
  ["requests.read", ["requests.view"]],
  ["requests.write", ["requests.create", "requests.edit"]],
  ["notifications.read", ["notifications.view"]],
  ["notifications.write", ["notifications.send"]],
  ["storage.read", ["storage"]],
  ["storage.write", ["storage"]],
  ["storage.delete", ["storage"]],
]);

/** Whether the code is one of the table, spelled as there. */
export function isPermissionCode(code: string): code is PermissionCode {
  return Object.hasOwn(PERMISSIONS, code);
}

/** The canonical codes that a code or legacy alias stands for; none for an unknown one. */
export function normalizePermission(code: string): readonly PermissionCode[] {
  if (isPermissionCode(code)) return [code];
  return LEGACY.get(code) ?? [];
}

const NETWORK = "network:";

/** The grant code that is derived from a host under the manifest's `network`. */
export function networkPermission(host: string): string {
  return NETWORK + host;
}

/** The host of a derived grant code, or null for any other code. */
export function networkHost(code: string): string | null {
  return code.startsWith(NETWORK) ? code.slice(NETWORK.length) : null;
}

/** What a grant code allows, for the person who grants it; the code itself when it is unknown. */
export function describePermission(code: string): LocalText & { readonly risk: Risk } {
  const host = networkHost(code);
  if (host !== null) {
    return {
      en: `Exchange data with ${host}`,
      de: `Daten mit ${host} austauschen`,
      risk: "medium",
    };
  }
  return isPermissionCode(code) ? PERMISSIONS[code] : { en: code, de: code, risk: "high" };
}
