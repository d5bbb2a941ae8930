import { fromBase64, sha256Hex, targetPath } from "@rising-bsm/protocol";
import { z } from "zod";
import type { CatalogTarget, TrustRole } from "../schema.ts";
import { buildTargets } from "../trust/catalog-targets.ts";
import type { RolesInForce } from "../trust/plan-publication.ts";
import { loadRoles } from "../trust/queries.ts";
import type { Check, Found } from "./check-plugin.ts";
import { holdsBytes } from "./holds-bytes.ts";
import { loadTrustFiles } from "./queries.ts";

const catalogFile = z.object({
  signed: z.object({
    targets: z.record(z.string(), z.object({ hashes: z.object({ sha256: z.string() }) })),
  }),
});

/** Targets against the rows they are made of, the bucket, and what the catalog in force lists. */
export async function checkTargets(
  { env, db }: Check,
  rows: readonly CatalogTarget[],
): Promise<Found[]> {
  const names = rows.map(({ target }) => target);
  const built = new Map(
    (await buildTargets(db, names)).map(({ target, content }) => [target, content?.sha256]),
  );
  const listed = await readListed(env.BUNDLES, await loadRoles(db));
  const found = rows.map(async ({ target, sha256 }) => {
    const key = targetPath(target, sha256).slice(1);
    const findings: [boolean, string][] = [
      [built.get(target) === sha256, "It is not what the rows of its plugins say"],
      [await holdsBytes(env.BUNDLES, key, sha256), "It is missing or has other bytes"],
    ];
    return findings.flatMap(([isRight, message]) =>
      isRight ? [] : [{ kind: "target" as const, subject: target, message }],
    );
  });
  const unlisted = rows.flatMap(({ target, sha256 }): Found[] => {
    if (listed[target] === sha256) return [];
    return [{ kind: "metadata", subject: target, message: "The catalog lists it differently" }];
  });
  return [...(await Promise.all(found)).flat(), ...unlisted];
}

async function readListed(
  bucket: R2Bucket,
  { catalog }: RolesInForce,
): Promise<Record<string, string>> {
  const object = await bucket.get(`tuf/${catalog?.version ?? 0}.catalog.json`);
  const parsed = catalogFile.safeParse(await object?.json().catch(() => null));
  if (!parsed.success) return {};
  const { targets } = parsed.data.signed;
  return Object.fromEntries(
    Object.entries(targets).map(([target, { hashes }]) => [target, hashes.sha256]),
  );
}

/** The signed files that are in force: those of the ceremonies, and the Worker's own. */
export async function checkMetadata({ env, db }: Check): Promise<{
  readonly checked: number;
  readonly found: Found[];
}> {
  const { catalog, timestamp } = await loadRoles(db);
  const own: readonly (readonly [string, TrustRole | undefined])[] = [
    [`tuf/${catalog?.version ?? 0}.catalog.json`, catalog],
    ["tuf/timestamp.json", timestamp],
  ];
  const expected = own.flatMap(([key, role]) => (role === undefined ? [] : [[key, role.sha256]]));
  for (const { key, content } of await loadTrustFiles(db)) {
    expected.push([key, await sha256Hex(fromBase64(content))]);
  }
  const found = await Promise.all(
    expected.map(async ([key = "", sha256 = ""]): Promise<Found[]> => {
      if (await holdsBytes(env.BUNDLES, key, sha256)) return [];
      return [{ kind: "metadata", subject: key, message: "It is missing or has other bytes" }];
    }),
  );
  const snapshot = `tuf/${timestamp?.version ?? 0}.snapshot.json`;
  const isMissing = timestamp !== undefined && (await env.BUNDLES.head(snapshot)) === null;
  const message = "The timestamp names it, and it is missing";
  return {
    checked: expected.length + 1,
    found: [
      ...found.flat(),
      ...(isMissing ? [{ kind: "metadata" as const, subject: snapshot, message }] : []),
    ],
  };
}
