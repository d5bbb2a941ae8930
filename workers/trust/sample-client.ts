import { RbsmError, targetPath } from "@rising-bsm/protocol";
import { z } from "zod";
import { call } from "../testing.ts";

const meta = z.record(z.string(), z.object({ version: z.int() }));
const listed = z.record(
  z.string(),
  z.object({ length: z.int(), hashes: z.object({ sha256: z.string() }) }),
);
const common = { version: z.int(), expires: z.string() };
const heads = z.object({ signed: z.object({ ...common, meta }) });
const targetsFile = z.object({ signed: z.object({ ...common, targets: listed }) });

/** What the timestamp leads to, as a host would read it; signatures are the business of other tests. */
export async function readPublished() {
  const timestamp = heads.parse(await readJson("/tuf/timestamp.json")).signed;
  const snapshot = heads.parse(
    await readJson(`/tuf/${timestamp.meta["snapshot.json"]?.version}.snapshot.json`),
  ).signed;
  const catalog = targetsFile.parse(
    await readJson(`/tuf/${snapshot.meta["catalog.json"]?.version}.catalog.json`),
  ).signed;
  return { timestamp, snapshot, catalog };
}

/** Contents of a target of the catalogue. */
export async function readTarget(target: string): Promise<unknown> {
  const { catalog } = await readPublished();
  const entry = catalog.targets[target];
  if (entry === undefined) throw new RbsmError("not_found", `${target} is not listed`);
  return readJson(targetPath(target, entry.hashes.sha256));
}

async function readJson(path: string): Promise<unknown> {
  const response = await call(path);
  if (response.status !== 200) throw new RbsmError("not_found", `${path} is not there`);
  return response.json();
}
