import { parseOfflineRequest, verifyOfflineRequest } from "@rising-bsm/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import type { PluginHost } from "../host.ts";
import type { Actor } from "../lifecycle/actor.ts";
import { createHostFixture, type HostFixture } from "../testing/host-fixture.ts";

const KEY = "RBSM-0123-4567-89AB-CDEF-GHJK-MNPQ-RSTV-WXYZ";
const REQUEST = "/api/plugins/@acme/hello/license/request";

let fixture: HostFixture;
let host: PluginHost;

beforeEach(async () => {
  fixture = await createHostFixture();
  host = await fixture.open({ runSchedules: false });
});
afterEach(() => fixture.close());

function post(
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  permissions: Actor["permissions"] = "all",
) {
  const request = new Request(`http://host.test${path}`, { method: "POST", body, duplex: "half" });
  return host.handle(request, { actor: { id: "eva", permissions } });
}

async function codeOf(answer: Response): Promise<[number, string]> {
  const { code } = z.looseObject({ code: z.string() }).parse(await answer.json());
  return [answer.status, code];
}

async function requestIn(answer: Response) {
  const { data } = z.object({ data: z.unknown() }).parse(await answer.json());
  return (await verifyOfflineRequest(parseOfflineRequest(JSON.stringify(data)))).request;
}

test("a request file is made, and the same again until it was answered", async () => {
  const body = JSON.stringify({ licenseKey: KEY, version: "^1.0.0" });
  const request = await requestIn(await post(REQUEST, body));
  expect(request).toMatchObject({
    plugin: "@acme/hello",
    version: "^1.0.0",
    license: { key: KEY },
    tuf: { root: 1, timestamp: 0 },
    logs: [],
    engines: { runtime: "1.0.0" },
  });
  const { rid, nonce } = await requestIn(await post(REQUEST, body));
  expect({ rid, nonce }).toEqual({ rid: request.rid, nonce: request.nonce });
});

test("without a key a lease has to be held, and what is wrong with a body is not repeated", async () => {
  expect(await codeOf(await post(REQUEST, "{}"))).toEqual([402, "license_required"]);
  const answer = await post(REQUEST, JSON.stringify({ licensekey: KEY }));
  expect(await answer.text()).not.toContain("RBSM-0123");
  const wrong = "/api/plugins/@acme/hello world/license/request";
  expect((await post(wrong, JSON.stringify({ licenseKey: KEY }))).status).toBe(404);
});

test("what is no answer is refused, and managing licenses does not allow to install", async () => {
  const path = "/api/licenses/import?grant=requested";
  expect(await codeOf(await post(path, "hello"))).toEqual([422, "license_file_invalid"]);
  expect(await codeOf(await post(path, new Uint8Array(1024)))).toEqual([
    422,
    "license_file_invalid",
  ]);
  expect(await codeOf(await post(path, "hello", ["plugin.view"]))).toEqual([
    403,
    "permission_denied",
  ]);
  const manager = ["plugin.view", "plugin.manage"];
  expect(await codeOf(await post(path, "hello", manager))).toEqual([403, "permission_denied"]);
  const leaseOnly = await post(`${path}&leaseOnly=true`, "hello", manager);
  expect(await codeOf(leaseOnly)).toEqual([422, "license_file_invalid"]);
  expect(await codeOf(await post(REQUEST, "{}", ["plugin.view"]))).toEqual([
    403,
    "permission_denied",
  ]);
});

test("what an application without types passes is refused", async () => {
  const untyped: {
    importLicense(archive: unknown): Promise<unknown>;
    activateLicense(name: string, licenseKey: unknown): Promise<unknown>;
    licenses(at: unknown): unknown;
  } = host;
  const refused = expect.objectContaining({ code: "usage" });
  for (const archive of ["file.tar", null]) {
    await expect(untyped.importLicense(archive)).rejects.toEqual(refused);
  }
  await expect(untyped.activateLicense("@acme/hello", undefined)).rejects.toEqual(refused);
  for (const at of ["2026-12-24", new Date(Number.NaN)]) {
    expect(() => untyped.licenses(at)).toThrow(refused);
  }
});
