import { z } from "zod";
import { RbsmError, type Json, type Manifest } from "@rising-bsm/protocol";
import type { Accounts } from "./accounts.ts";
import { rememberDemo } from "./cli.ts";
import { DEMO_CALLS } from "./calls.ts";
import { postJson } from "./http.ts";
import type { Marketplace, Step } from "./launch.ts";
import { readDemo } from "./state.ts";

/** One call of a plugin and what came back. */
export interface DemoCall {
  readonly plugin: string;
  readonly call: string;
  readonly result: Json;
  readonly ms: number;
}

const Installed = z.object({ data: z.array(z.object({ name: z.string(), state: z.string() })) });
const Called = z.object({ data: z.object({ result: z.json() }) });
const License = z.object({ licenseKey: z.string() });

interface HostStep extends Pick<Step, "paths" | "say"> {
  readonly hostUrl: string;
  readonly marketplace: Marketplace;
  readonly accounts: Accounts;
  readonly published: readonly Manifest[];
}

/** Installs every published plugin that is missing, then makes the demo calls. */
export async function installAndCall(
  step: HostStep,
): Promise<{ installed: string[]; calls: DemoCall[] }> {
  const { hostUrl, say } = step;
  await rememberDemo(step.paths, { ...step, host: hostUrl });
  const before = await listInstalled(hostUrl);
  for (const manifest of step.published) {
    if (before.includes(manifest.name)) continue;
    const licenseKey = await licenseFor(step, manifest);
    await postJson(`${hostUrl}/api/plugins`, {
      name: manifest.name,
      grant: "requested",
      ...licenseKey,
    });
    say(`Installed ${manifest.name}${"licenseKey" in licenseKey ? " with a license" : ""}`);
  }
  const calls: DemoCall[] = [];
  for (const [plugin, call, args] of DEMO_CALLS)
    calls.push(await callPlugin(step, { plugin, call, args }));
  return { installed: await listInstalled(hostUrl), calls };
}

async function listInstalled(hostUrl: string): Promise<string[]> {
  const answer = await fetch(`${hostUrl}/api/plugins`);
  const plugins = Installed.parse(await answer.json()).data;
  return plugins.filter(({ state }) => state === "active").map(({ name }) => name);
}

/** The license key of a paid plugin: issued once, then kept in demo.json. */
async function licenseFor(step: HostStep, manifest: Manifest): Promise<{ licenseKey?: string }> {
  const plan = manifest.pricing?.plans.find(({ kind }) => kind !== "free" && kind !== "trial");
  if (plan === undefined) return {};
  const known = (await readDemo(step.paths.demoFile))?.licenseKeys[manifest.name];
  if (known !== undefined) return { licenseKey: known };
  const { url, adminToken } = step.marketplace;
  const order = { plugin: manifest.name, plan: plan.id, org: "Demo Handwerk GmbH" };
  const { licenseKey } = License.parse(
    await postJson(`${url}/v1/licenses`, order, { token: adminToken }),
  );
  await rememberDemo(step.paths, { ...step, licenseKeys: { [manifest.name]: licenseKey } });
  return { licenseKey };
}

async function callPlugin(
  step: HostStep,
  wanted: Pick<DemoCall, "plugin" | "call"> & { args: readonly Json[] },
): Promise<DemoCall> {
  const { plugin, call, args } = wanted;
  const startedAt = performance.now();
  const result = await (call.startsWith("GET ")
    ? askPlugin(step, wanted)
    : callMethod(step, wanted));
  const ms = Math.round((performance.now() - startedAt) * 10) / 10;
  const shown = `${call}${call.startsWith("GET ") ? "" : `(${args.map((arg) => JSON.stringify(arg)).join(", ")})`}`;
  step.say(`${plugin} ${shown} → ${JSON.stringify(result).slice(0, 100)} (${ms} ms)`);
  return { plugin, call, result, ms };
}

async function callMethod(
  { hostUrl }: HostStep,
  { plugin, call, args }: { plugin: string; call: string; args: readonly Json[] },
): Promise<Json> {
  return Called.parse(
    await postJson(`${hostUrl}/api/plugins/${plugin}/call`, { method: call, args }),
  ).data.result;
}

async function askPlugin(
  { hostUrl }: HostStep,
  { plugin, call }: { plugin: string; call: string },
): Promise<Json> {
  const answer = await fetch(`${hostUrl}/x/${plugin}${call.slice("GET ".length)}`);
  if (!answer.ok)
    throw new RbsmError("plugin_threw", `${plugin} answered ${answer.status} to ${call}`);
  return z.json().parse(await answer.json());
}
