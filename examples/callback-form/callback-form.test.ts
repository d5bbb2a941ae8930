import { createTestHost, type TestHost } from "@rising-bsm/host-sdk/testing";
import { afterEach, beforeAll, expect, test } from "vitest";
import { buildExample } from "../../tests/build-example.ts";
import { languageOf } from "./src/texts.ts";

const PAGE = "https://host.test/";
const FIELDS: [string, string][] = [
  ["name", "Ada Löv <b>"],
  ["email", "ada@example.com"],
  ["phone", "+43 660 123"],
  ["topic", "Wartung"],
  ["time", "morning"],
  ["time", "evening"],
  ["message", "Therme\r\n2. Stock"],
];

let example: { bundle: Uint8Array };
beforeAll(async () => {
  example = await buildExample("callback-form");
});

let host: TestHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

async function start(options: Partial<Parameters<typeof createTestHost>[0]> = {}) {
  host = await createTestHost({ ...example, ...options });
  return host;
}

async function post(sandbox: TestHost, body: URLSearchParams | FormData): Promise<Response> {
  return sandbox.request(new Request(`${PAGE}?lang=de`, { method: "POST", body }));
}

async function newest(sandbox: TestHost) {
  const context = { plugin: "test", actorId: null };
  return sandbox.domain.call("requests.list", [{ search: "ada@example.com" }], context);
}

const asForm = (fields: [string, string][]): FormData => {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return form;
};

test.each([
  ["urlencoded", (fields: [string, string][]) => new URLSearchParams(fields)],
  ["multipart", asForm],
])("a form sent as %s becomes a request, and the visitor is thanked", async (_as, encode) => {
  const sandbox = await start();
  const response = await post(sandbox, encode(FIELDS));
  expect(response.status).toBe(303);
  expect(response.headers.get("location")).toBe("/thanks?lang=de");
  expect(await newest(sandbox)).toMatchObject({
    total: 1,
    items: [
      {
        name: "Ada Löv <b>",
        phone: "+43 660 123",
        service: "Wartung",
        message: "Therme\r\n2. Stock",
        status: "NEW",
        source: "callback-form",
      },
    ],
  });
  const thanks = await sandbox.request(new Request(`${PAGE}thanks?lang=de`));
  expect(await thanks.text()).toContain("<p>Danke. Wir rufen Sie an.</p>");
});

test("mistakes come back in the form, with what was sent", async () => {
  const sandbox = await start();
  const wrong = FIELDS.filter(([name]) => name !== "phone" && name !== "email");
  const response = await post(sandbox, new URLSearchParams(wrong));
  expect(response.status).toBe(422);
  const page = await response.text();
  expect(page).toContain('<p role="alert">Bitte prüfen: E-Mail, Telefon</p>');
  expect(page).toContain('value="Ada Löv &lt;b&gt;"');
  expect(page).toContain('<option selected="">Wartung</option>');
  expect(await newest(sandbox)).toMatchObject({ total: 0 });
});

test("a program that fills in the trap is thanked and forgotten", async () => {
  const sandbox = await start();
  const sent = new URLSearchParams([...FIELDS, ["website", "https://spam.example"]]);
  expect((await post(sandbox, sent)).status).toBe(303);
  expect(await newest(sandbox)).toMatchObject({ total: 0 });
});

test("the page speaks the visitor's language, with the company of the settings", async () => {
  const sandbox = await start({ config: { company: "Müller & Co", topics: ["Bad"] } });
  const headers = { "accept-language": "de-AT,en;q=0.5" };
  const response = await sandbox.request(new Request(PAGE, { headers }));
  expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8");
  const page = await response.text();
  expect(page).toContain('<html lang="de">');
  expect(page).toContain("<h1>Müller &amp; Co</h1>");
  const topics = await sandbox.request(new Request(`${PAGE}topics`));
  expect(await topics.json()).toEqual(["Bad"]);
});

test.each([
  ["de", undefined, "de"],
  [undefined, "de-AT", "de"],
  ["en", "de", "en"],
  [undefined, "fr", "en"],
  [undefined, undefined, "en"],
])("asked for %s by a browser with %s the page is in %s", (asked, accepted, language) => {
  expect(languageOf(asked, accepted)).toBe(language);
});

test("without requests.create nothing is entered", async () => {
  const sandbox = await start({ deny: ["requests.create"] });
  expect((await post(sandbox, new URLSearchParams(FIELDS))).status).toBe(500);
  expect(sandbox.denied()).toMatchObject([{ permission: "requests.create" }]);
});

test("what is nowhere is 404", async () => {
  const sandbox = await start();
  expect((await sandbox.request(new Request(`${PAGE}nowhere`))).status).toBe(404);
});
