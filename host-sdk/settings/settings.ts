import {
  type Json,
  type Manifest,
  RbsmError,
  SETTINGS_LIMITS,
  type Text,
} from "@rising-bsm/protocol";
import { z } from "zod";
import { type AdministerParts, storeRow } from "../lifecycle/administer-parts.ts";
import { notActive, type Slot } from "../lifecycle/slots.ts";
import { shortText } from "../runtime/payload.ts";
import { checkConfig, type ConfigForm, effectiveConfig } from "./check-config.ts";
import type { Secrets } from "./secrets.ts";

/** The settings of a plugin: what can be entered, what was, and what the plugin gets. */
export interface PluginSettings {
  /** The manifest's `config`; null when the plugin has no settings. */
  readonly form: ConfigForm | null;
  /** What an administrator entered. */
  readonly entered: Readonly<Record<string, Json>>;
  /** `api.config`: what was entered and fits the form, defaults for the rest. */
  readonly effective: Readonly<Record<string, Json>>;
}

/** A secret that a plugin asks for, without its value. */
export interface SecretInfo {
  readonly name: string;
  readonly reason: Text | null;
  readonly isSet: boolean;
}

/** What administrators enter for plugins. */
export interface Settings {
  read(plugin: string): PluginSettings;
  /** Replaces all settings. Throws `request_invalid` with a finding for each value that is wrong. */
  configure(plugin: string, values: Readonly<Record<string, Json>>): Promise<void>;
  secrets(plugin: string): Promise<SecretInfo[]>;
  /** Enters a secret that the manifest names, or with null forgets it. */
  setSecret(plugin: string, name: string, value: string | null): Promise<void>;
}

/** Settings over one host's parts. */
export function createSettings(parts: AdministerParts, secrets: Secrets): Settings {
  const { slots } = parts;
  return {
    read(plugin) {
      const { row, manifest } = slots.get(plugin);
      const { config: entered } = row;
      // A copy: whoever shows it may change it on the way.
      return structuredClone({
        form: manifest?.config ?? null,
        entered,
        effective: effectiveConfig(manifest?.config, entered),
      });
    },
    async configure(plugin, values) {
      const slot = slots.get(plugin);
      const config = entriesOf(values);
      requireFit(manifestOf(slot), config);
      const row = { ...slot.row, config };
      await storeRow(parts, row);
      slots.put(plugin, { ...slots.get(plugin), row });
    },
    async secrets(plugin) {
      const asked = manifestOf(slots.get(plugin)).secrets;
      const set = await secrets.names(plugin);
      return asked.map(({ name, reason = null }) => ({ name, reason, isSet: set.includes(name) }));
    },
    async setSecret(plugin, name, value) {
      const { secrets: asked } = manifestOf(slots.get(plugin));
      if (value !== null && !asked.some((secret) => secret.name === name)) {
        throw new RbsmError("not_found", `${plugin} asks for no secret ${name}`, {
          fix: `It asks for: ${asked.map((secret) => secret.name).join(", ") || "none"}.`,
        });
      }
      await secrets.write(plugin, name, value);
    },
  };
}

const settingsSchema = z.record(z.string(), z.json());

function manifestOf(slot: Slot): Manifest {
  if (slot.manifest === null) throw notActive(slot);
  return slot.manifest;
}

/** The host's own copy, as it is stored; what is no JSON object is refused. */
function entriesOf(values: unknown): Record<string, Json> {
  try {
    const { configBytes: maxBytes, configDepth: maxDepth } = SETTINGS_LIMITS;
    const text = shortText(values, { maxBytes, maxDepth });
    return settingsSchema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof RbsmError ? `: ${error.message}` : "";
    throw new RbsmError("request_invalid", `Settings are an object of JSON${why}`, {}, error);
  }
}

function requireFit({ name, config }: Manifest, values: Readonly<Record<string, Json>>): void {
  const form: ConfigForm = config ?? { type: "object", properties: {} };
  // A required setting may have a default; nobody has to repeat it.
  const findings = checkConfig(form, { ...effectiveConfig(form, {}), ...values });
  if (findings.length === 0) return;
  const list = findings.map(({ path, message }) => `${path}: ${message}`).join("; ");
  throw new RbsmError("request_invalid", `These settings do not fit ${name}. ${list}`, {
    findings,
  });
}
