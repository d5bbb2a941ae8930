import {
  RbsmError,
  splitPluginName,
  type VersionState,
  versionStateSchema,
} from "@rising-bsm/protocol";
import { textField } from "../json-field.ts";
import { versionPath } from "./publish.ts";
import { type AnswerSchema, type Connection, request } from "./request.ts";

/** One version of a plugin. */
export interface ReleaseName {
  readonly plugin: string;
  readonly version: string;
}

/** Reads `@scope/name@version` as people write it. */
export function parseReleaseName(text: string): ReleaseName {
  const at = text.lastIndexOf("@");
  if (at <= 0) {
    throw new RbsmError("usage", `"${text}" names no version`, {
      fix: "write it like @acme/hello@1.0.0",
    });
  }
  const plugin = text.slice(0, at);
  splitPluginName(plugin);
  return { plugin, version: text.slice(at + 1) };
}

/** The reason of a mark, or null to take it away: exactly one of the two options decides. */
export function markReason(reason: string | undefined, undo: boolean): string | null {
  const given = reason !== undefined && reason.trim() !== "";
  if (given !== undo) return undo ? null : (reason ?? null);
  throw new RbsmError("usage", "a reason is missing, or stands beside --undo", {
    fix: 'pass --reason "…", or --undo to take the mark away',
  });
}

/** Marks a version as yanked or deprecated; a null reason takes the mark away again. */
export async function markRelease(
  connection: Connection,
  release: ReleaseName,
  mark: { kind: "yank" | "deprecate"; reason: string | null },
): Promise<{ version: string; status: string }> {
  const path = `${versionPath(release.plugin, release.version)}/${mark.kind}`;
  const body = { reason: mark.reason };
  return (await request(connection, { method: "POST", path, body, answer: markedSchema })).value;
}

/** One version as the marketplace knows it; before it is published only its own publisher may ask. */
export async function readRelease(
  connection: Connection,
  release: ReleaseName,
): Promise<VersionState> {
  const path = versionPath(release.plugin, release.version);
  return (await request(connection, { method: "GET", path, answer: versionStateSchema })).value;
}

const markedSchema: AnswerSchema<{ version: string; status: string }> = {
  safeParse(value) {
    const [version, status] = [textField(value, "version"), textField(value, "status")];
    return version === undefined || status === undefined
      ? { success: false, error: new Error("version or status is missing") }
      : { success: true, data: { version, status } };
  },
};
