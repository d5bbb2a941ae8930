import { beforeAll, expect, test } from "vitest";
import { newKey } from "../licenses/sample-instance.ts";
import { issue, PLUGIN, publishPaidPlugin } from "../licenses/sample-plugin.ts";
import { readAnswer, requestFile } from "../offline/sample-request.ts";
import { call, createAccount, resetMarketplace } from "../testing.ts";
import { sampleCeremony, uploadTrust } from "../trust/sample-ceremony.ts";

beforeAll(async () => {
  await resetMarketplace();
  await uploadTrust(await sampleCeremony());
  await publishPaidPlugin(await createAccount("demo"));
});

/** The form as a browser sends it. */
function submit(content: string, field = "request"): Promise<Response> {
  const body = new FormData();
  body.set(field, new File([content], "request.json", { type: "application/json" }));
  return call("/offline?lang=en", { method: "POST", body, headers: { Accept: "text/html" } });
}

test.each([
  ["en", "Get the answer", "Request file"],
  ["de", "Antwort holen", "Datei mit der Anfrage"],
])("the page in %s has a plain form, without a script", async (lang, button, label) => {
  const response = await call(`/offline?lang=${lang}`, { headers: { Accept: "text/html" } });
  const html = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get("Content-Security-Policy")).toContain("form-action 'self'");
  expect(html).toContain(`action="/offline?lang=${lang}"`);
  expect(html).toContain('enctype="multipart/form-data"');
  expect(html).toContain(`<label for="request">${label}</label>`);
  expect(html).toContain(`<button>${button}</button>`);
  expect(html).not.toContain("<script");
});

test("a request file that is sent is answered with a file", async () => {
  const { licenseKey } = await issue("team");
  const file = await requestFile(await newKey(), { license: { key: licenseKey } });
  const response = await submit(JSON.stringify(file));
  expect(response.headers.get("Content-Disposition")).toBe(
    'attachment; filename="demo-invoices.license.tar"',
  );
  expect(response.headers.get("Cache-Control")).toBe("no-store");
  expect((await readAnswer(response)).answer).toMatchObject({ plugin: PLUGIN, version: "1.0.0" });
});

test("a refusal is a page in the reader's language, which keeps nothing of the key", async () => {
  const key = `RBSM-${"ABCD-".repeat(7)}ABCD`;
  const file = await requestFile(await newKey(), { license: { key } });
  const response = await submit(JSON.stringify(file));
  const html = await response.text();
  expect(response.status).toBe(403);
  expect(html).toContain("<code>license_refused</code>");
  expect(html).not.toContain("ABCD");
});

test.each([
  ["no file", () => submit("{}", "other"), 400],
  ["another file", () => submit("hello"), 422],
  ["too much", () => submit("x".repeat(70_000)), 413],
  ["no form", () => call("/offline", { method: "POST", body: "x" }), 400],
])("%s is refused", async (_what, send, status) => {
  expect((await send()).status).toBe(status);
});
