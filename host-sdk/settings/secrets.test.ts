import { randomBytes } from "node:crypto";
import { SETTINGS_LIMITS } from "@rising-bsm/protocol";
import { beforeEach, expect, test } from "vitest";
import type { HostStore } from "../store/host-store.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createSecrets, deleteSecrets, type Secrets } from "./secrets.ts";

const newKey = () => {
  const key = randomBytes(32);
  return async () => key;
};

let store: HostStore;
let secrets: Secrets;

beforeEach(() => {
  store = createMemoryStore();
  secrets = createSecrets(store, newKey());
});

test("a value comes back, is replaced and is forgotten", async () => {
  expect(await secrets.read("@acme/a", "token")).toBeNull();
  await secrets.write("@acme/a", "token", "one");
  await secrets.write("@acme/a", "token", "two");
  expect(await secrets.read("@acme/a", "token")).toBe("two");
  expect(await secrets.names("@acme/a")).toEqual(["token"]);
  await secrets.write("@acme/a", "token", null);
  expect(await secrets.read("@acme/a", "token")).toBeNull();
  expect(await secrets.names("@acme/a")).toEqual([]);
});

test("the store holds neither the value nor anything that is the same twice", async () => {
  await secrets.write("@acme/a", "one", "canary-value");
  await secrets.write("@acme/a", "two", "canary-value");
  const rows = await store.list("secret");
  expect(JSON.stringify(rows)).not.toContain("canary");
  expect(JSON.stringify(rows)).not.toContain(Buffer.from("canary-value").toString("base64url"));
  expect(new Set(rows.map(({ value }) => Object(value).box)).size).toBe(2);
});

test.each<[string, (row: { nonce: string; box: string }) => unknown]>([
  ["another plugin", (row) => row],
  [
    "this plugin with a changed byte",
    ({ nonce, box }) => ({ nonce, box: `${box.slice(0, -2)}AA` }),
  ],
  ["this plugin with nothing in it", ({ nonce }) => ({ nonce, box: "" })],
])("a row that was moved to %s does not open", async (where, change) => {
  await secrets.write("@acme/a", "token", "canary");
  const stored = Object((await store.get("secret", "@acme/a/token"))?.value);
  const plugin = where === "another plugin" ? "@acme/b" : "@acme/a";
  const value = JSON.parse(JSON.stringify(change(stored)));
  await store.commit([{ kind: "secret", key: `${plugin}/token`, value }]);
  await expect(secrets.read(plugin, "token")).rejects.toMatchObject({
    code: "conflict_state",
    message: expect.not.stringContaining("canary"),
  });
});

test("with another key a value does not open and can be entered again", async () => {
  await secrets.write("@acme/a", "token", "one");
  const other = createSecrets(store, newKey());
  await expect(other.read("@acme/a", "token")).rejects.toMatchObject({ code: "conflict_state" });
  await other.write("@acme/a", "token", "two");
  expect(await other.read("@acme/a", "token")).toBe("two");
});

test.each([
  "",
  " canary",
  "canary ",
  "canary\r\nx: y",
  "canary\0",
  "cänary",
  "c".repeat(SETTINGS_LIMITS.secretLength + 1),
])("%j fits no header and is refused without being repeated", async (value) => {
  const error = await secrets.write("@acme/a", "token", value).catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({
    code: "request_invalid",
    message: expect.not.stringMatching("nary"),
  });
  expect(await secrets.names("@acme/a")).toEqual([]);
});

test("one of the greatest length is taken", async () => {
  const value = "c".repeat(SETTINGS_LIMITS.secretLength);
  await secrets.write("@acme/a", "token", value);
  expect(await secrets.read("@acme/a", "token")).toBe(value);
});

test("deleting a plugin's secrets leaves those of others", async () => {
  await secrets.write("@acme/a", "token", "one");
  await secrets.write("@acme/ab", "token", "two");
  await deleteSecrets(store, "@acme/a");
  await deleteSecrets(store, "@acme/none");
  expect(await secrets.read("@acme/a", "token")).toBeNull();
  expect(await secrets.read("@acme/ab", "token")).toBe("two");
});
