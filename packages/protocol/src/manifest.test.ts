import { describe, expect, test } from "vitest";
import schemaFile from "../manifest.schema.json" with { type: "json" };
import { checkManifest, manifestJsonSchema, needsLicense } from "./manifest.ts";

const smallest = {
  name: "@acme/hello",
  version: "1.0.0",
  main: "index.js",
  permissions: [],
  dependencies: {},
};

const everything = {
  ...smallest,
  permissions: [
    "customers.view",
    { code: "appointments.edit", reason: { en: "To plan", de: "Zum Planen" }, optional: true },
  ],
  dependencies: { "@acme/core": "^1.2.0" },
  displayName: { en: "Hello", de: "Hallo" },
  description: "Says hello",
  author: { name: "Acme", url: "https://acme.example", email: "dev@acme.example" },
  homepage: "https://acme.example/hello",
  repository: "https://git.example/acme/hello",
  license: "MIT OR Apache-2.0",
  icon: "icon.png",
  screenshots: ["shots/1.webp"],
  readme: "README.md",
  changelog: "CHANGELOG.md",
  categories: ["customers", "utilities"],
  keywords: ["greeting"],
  engines: { "rising-bsm": ">=1", runtime: "1.x" },
  network: ["api.example.com", "*.example.org"],
  secrets: [{ name: "API_KEY", reason: "To call the API" }],
  hooks: ["customers.created"],
  routes: [{ method: "GET", path: "/report/:id", public: true }],
  schedules: [{ name: "daily", cron: "0 7 * * 1-5", catchUp: true }],
  ui: {
    pages: [{ path: "/", title: "Hello", nav: true }],
    widgets: [{ slot: "dashboard", path: "/widget" }],
  },
  config: {
    type: "object",
    properties: {
      greeting: { type: "string", default: "Hello", maxLength: 50 },
      when: {
        type: "array",
        items: { type: "object", properties: { hour: { type: "integer", minimum: 0 } } },
      },
    },
    required: ["greeting"],
  },
  limits: { cpuMs: 100, wallMs: 1000, memoryMb: 64, storageMb: 10 },
  idempotent: ["greet"],
  pricing: {
    plans: [
      {
        id: "pro",
        kind: "subscription",
        price: { amount: 9.9, currency: "EUR" },
        period: "month",
        entitlements: ["export"],
      },
    ],
  },
  type: "plugin",
  visibility: "public",
};

function rulesAt(value: unknown): [rule: string, path: string][] {
  return checkManifest(value).findings.map(({ rule, path }) => [rule, path]);
}

test("the smallest manifest is valid and every list is there", () => {
  const { manifest, findings } = checkManifest(smallest);
  expect(findings).toEqual([]);
  expect(manifest).toEqual({
    ...smallest,
    screenshots: [],
    categories: [],
    keywords: [],
    network: [],
    secrets: [],
    hooks: [],
    routes: [],
    schedules: [],
    engines: {},
    limits: {},
    ui: { pages: [], widgets: [] },
    idempotent: [],
    type: "plugin",
    visibility: "public",
  });
});

test("every key of the manifest can be used at once", () => {
  const { manifest, findings } = checkManifest(everything);
  expect(findings).toEqual([]);
  expect(manifest?.permissions).toEqual([
    { code: "customers.view", optional: false },
    { code: "appointments.edit", reason: { en: "To plan", de: "Zum Planen" }, optional: true },
  ]);
  expect(manifest?.pricing?.plans[0]?.entitlements).toEqual({ export: true });
});

test("short forms are written out", () => {
  const plans = [{ id: "pro", kind: "perpetual", entitlements: { export: false, rows: 100 } }];
  const { manifest } = checkManifest({ ...smallest, author: "Acme", pricing: { plans } });
  expect(manifest?.author).toEqual({ name: "Acme" });
  expect(manifest?.pricing?.plans).toEqual(plans);
});

test("a manifest with twelve mistakes gives twelve findings", () => {
  const mistakes = {
    name: "Hello",
    version: "1.0",
    main: "../index.js",
    permissions: ["customers.veiw", "network:api.example.com"],
    dependencies: { "@acme/core": "newest" },
    displayName: 5,
    categorys: ["customers"],
    network: ["https://api.example.com/"],
    hooks: ["customers.create"],
    schedules: [{ name: "daily", cron: "every day" }],
    limits: { memoryMb: 100_000 },
  };
  expect(rulesAt(mistakes)).toEqual([
    ["manifest_invalid_value", "name"],
    ["manifest_invalid_value", "version"],
    ["manifest_invalid_value", "main"],
    ["manifest_unknown_permission", "permissions[0]"],
    ["manifest_duplicate_network", "permissions[1]"],
    ["manifest_invalid_value", 'dependencies["@acme/core"]'],
    ["manifest_wrong_type", "displayName"],
    ["manifest_invalid_value", "network[0]"],
    ["manifest_invalid_value", "hooks[0]"],
    ["manifest_invalid_value", "schedules[0].cron"],
    ["manifest_invalid_value", "limits.memoryMb"],
    ["manifest_unknown_key", "categorys"],
  ]);
  const { findings } = checkManifest(mistakes);
  expect(findings.every(({ message, fix }) => message.length > 10 && (fix ?? "").length > 5)).toBe(
    true,
  );
});

describe("findings say how to mend", () => {
  test.each<[string, object, string]>([
    ["an unknown key", { permission: [] }, 'Did you mean "permissions"?'],
    ["an unknown key that resembles nothing", { zzzzzzzz: 1 }, "Remove it"],
    ["an unknown nested key", { author: { name: "A", mail: "a@b.c" } }, 'Did you mean "email"?'],
    [
      "an unknown key in a form field",
      { config: { type: "object", properties: { a: { typ: "string" } } } },
      "Remove it",
    ],
    ["an unknown permission", { permissions: ["customer.view"] }, 'Did you mean "customers.view"?'],
    [
      "an unknown permission that resembles nothing",
      { permissions: ["fly"] },
      expect.stringMatching(/^Use one of customers\.view, .*marketplace\.manage$/),
    ],
    [
      "an unknown permission in an object",
      { permissions: [{ code: "requests.vew" }] },
      'Did you mean "requests.view"?',
    ],
    ["an unknown event", { hooks: ["customers.create"] }, 'Did you mean "customers.created"?'],
    [
      "a value that is not one of a list",
      { type: "theme" },
      "Change the value to what the message names",
    ],
    [
      "a number where text belongs",
      { keywords: [1] },
      "Write the value in the shape the message names",
    ],
    [
      "a network host among the permissions",
      { permissions: ["network:a.example.com"] },
      'Remove it and add "a.example.com" to `network`',
    ],
    ["a plugin that depends on itself", { dependencies: { "@acme/hello": "1" } }, "Remove it"],
    [
      "a name with upper case",
      { dependencies: { "@Acme/core": "1" } },
      'Write it like "@acme/hello"',
    ],
    ["a picture of the wrong kind", { icon: "icon.svg" }, "Use a .png, .webp, .jpg or .jpeg file"],
    ["a readme of the wrong kind", { readme: "readme.txt" }, "Use a .md file"],
    ["an address that is none", { homepage: "example.com" }, 'Write it like "https://example.com"'],
    ["a permission for system plugins", { permissions: ["plugins.manage"] }, "Remove it"],
    [
      "the same permission twice",
      { permissions: ["customers.view", { code: "customers.view" }] },
      "Remove one of the two",
    ],
  ])("%s", (_, change, fix) => {
    expect(checkManifest({ ...smallest, ...change }).findings).toEqual([
      expect.objectContaining({ fix }),
    ]);
  });

  test("a missing key", () => {
    expect(checkManifest({}).findings).toEqual(
      ["name", "version", "main", "permissions", "dependencies"].map((key) => ({
        rule: "manifest_missing_key",
        path: key,
        message: `${key} is missing`,
        fix: `Add "${key}"`,
      })),
    );
  });
});

describe("refuses", () => {
  const manyDependencies = Object.fromEntries(
    Array.from({ length: 51 }, (_, i) => [`@acme/plugin-${i}`, "*"]),
  );

  test.each<[string, object, string]>([
    ["main among the signatures", { main: "signatures/publisher.pub" }, "main"],
    ["an IP address as a host", { network: ["127.0.0.1"] }, "network[0]"],
    ["a host without a dot", { network: ["localhost"] }, "network[0]"],
    ["a wildcard over a whole top-level domain", { network: ["*.com"] }, "network[0]"],
    ["a host with a port", { network: ["example.com:443"] }, "network[0]"],
    ["a text in one language only", { displayName: { en: "Hi" } }, "displayName.de"],
    ["an empty text", { displayName: "" }, "displayName"],
    ["a bad e-mail address", { author: { name: "A", email: "a" } }, "author.email"],
    [
      "too many categories",
      { categories: ["customers", "finance", "team", "utilities"] },
      "categories",
    ],
    ["a form that is no object", { config: { type: "string" } }, "config.type"],
    ["a limit of zero", { limits: { cpuMs: 0 } }, "limits.cpuMs"],
    ["a limit that is no whole number", { limits: { cpuMs: 1.5 } }, "limits.cpuMs"],
    [
      "a price without a currency",
      { pricing: { plans: [{ id: "a", kind: "perpetual", price: { amount: 1 } }] } },
      "pricing.plans[0].price.currency",
    ],
    ["a sale without plans", { pricing: { plans: [] } }, "pricing.plans"],
    ["more dependencies than allowed", { dependencies: manyDependencies }, "dependencies"],
    [
      "two plans of one id",
      {
        pricing: {
          plans: [
            { id: "a", kind: "free" },
            { id: "a", kind: "trial" },
          ],
        },
      },
      "pricing.plans[1]",
    ],
    [
      "two pages of one path",
      {
        ui: {
          pages: [
            { path: "/", title: "A" },
            { path: "/", title: "B" },
          ],
        },
      },
      "ui.pages[1]",
    ],
    [
      "two routes of one path and method",
      {
        routes: [
          { method: "GET", path: "/" },
          { method: "GET", path: "/" },
        ],
      },
      "routes[1]",
    ],
    [
      "two schedules of one name",
      {
        schedules: [
          { name: "a", cron: "* * * * *" },
          { name: "a", cron: "1 * * * *" },
        ],
      },
      "schedules[1]",
    ],
    [
      "entitlements of the wrong shape",
      { pricing: { plans: [{ id: "a", kind: "free", entitlements: 1 }] } },
      "pricing.plans[0].entitlements",
    ],
    [
      "more entitlements than a lease holds",
      {
        pricing: {
          plans: [
            { id: "a", kind: "free", entitlements: Array.from({ length: 41 }, (_, i) => `e${i}`) },
          ],
        },
      },
      "pricing.plans[0].entitlements",
    ],
    ["an address with a user name", { homepage: "https://bank.example@evil.example" }, "homepage"],
    ["an address with a password", { repository: "https://:x@evil.example" }, "repository"],
    ["a name that is read backwards", { displayName: "abc\u202Egpj" }, "displayName"],
    ["a name with a control character", { displayName: "a\u0000b" }, "displayName"],
    ["a blank name in one language", { displayName: { en: "a", de: " \u200B" } }, "displayName"],
    ["a description with half a character", { description: "a\uD800b" }, "description"],
    ["an author that is a number", { author: 1 }, "author"],
    [
      "a default that is no JSON type",
      { config: { type: "object", multipleOf: -1 } },
      "config.multipleOf",
    ],
    ["an enumeration of objects", { config: { type: "object", enum: [{}] } }, "config.enum[0]"],
  ])("%s", (_, change, path) => {
    expect(rulesAt({ ...smallest, ...change }).map(([, at]) => at)).toEqual([path]);
  });

  test.each([
    ["null", null],
    ["a list", []],
    ["text", "manifest"],
    ["undefined", undefined],
  ])("%s", (_, value) => {
    expect(checkManifest(value)).toMatchObject({ manifest: null, findings: [{ path: "" }] });
  });

  test("a value that is no JSON", () => {
    const cyclic: Record<string, unknown> = { ...smallest };
    cyclic["self"] = cyclic;
    expect(rulesAt(cyclic)).toEqual([["manifest_invalid_json", ""]]);
    expect(rulesAt({ size: 1n })).toEqual([["manifest_invalid_json", ""]]);
  });

  test("a form that nests too deep", () => {
    let field: object = { type: "string" };
    for (let i = 0; i < 20; i++) field = { type: "object", properties: { a: field } };
    expect(rulesAt({ ...smallest, config: field })).toEqual([["manifest_invalid_json", ""]]);
  });
});

test("routes of one path with other methods, and pages beside them, are no duplicates", () => {
  const routes = [
    { method: "GET", path: "/" },
    { method: "POST", path: "/" },
  ];
  expect(
    checkManifest({ ...smallest, routes, ui: { pages: [{ path: "/", title: "A" }] } }).findings,
  ).toEqual([]);
});

test("duplicates are found among items that are wrong", () => {
  expect(
    rulesAt({
      ...smallest,
      keywords: [1, "a", "a"],
      hooks: "x",
      permissions: "x",
      dependencies: [],
      ui: 1,
      pricing: 1,
    }),
  ).toContainEqual(["manifest_duplicate", "keywords[2]"]);
});

test("permission aliases become canonical codes, once each, required if asked once as required", () => {
  const { manifest } = checkManifest({
    ...smallest,
    permissions: [
      "customers.write",
      { code: "customers.read", reason: "Why", optional: true },
      { code: "customers.edit", reason: "Because", optional: true },
    ],
  });
  expect(manifest?.permissions).toEqual([
    { code: "customers.create", optional: false },
    { code: "customers.edit", reason: "Because", optional: false },
    { code: "customers.view", reason: "Why", optional: true },
  ]);
});

test("a reason given once is kept when the permission comes again without one", () => {
  const { manifest } = checkManifest({
    ...smallest,
    permissions: [{ code: "customers.edit", reason: "Because", optional: true }, "customers.write"],
  });
  expect(manifest?.permissions[0]).toEqual({
    code: "customers.edit",
    reason: "Because",
    optional: false,
  });
});

test("a system plugin may ask for what only the system may do", () => {
  expect(
    checkManifest({ ...smallest, type: "system", permissions: ["plugins.manage"] }).findings,
  ).toEqual([]);
});

test.each([
  ["no plans", undefined, false],
  ["a free plan", ["free"], false],
  ["a free plan beside paid ones", ["subscription", "free"], false],
  ["paid plans only", ["subscription", "perpetual"], true],
  ["a trial, which is a license too", ["trial"], true],
])("with %s a license is needed: %s → %s", (_name, kinds, expected) => {
  const plans = kinds?.map((kind) => ({ id: kind, kind }));
  const pricing = plans === undefined ? {} : { pricing: { plans } };
  const { manifest } = checkManifest({ ...smallest, ...pricing });
  expect(manifest === null ? null : needsLicense(manifest)).toBe(expected);
});

test("manifest.schema.json is current: node scripts/generate-schema.ts", () => {
  expect(schemaFile).toEqual(JSON.parse(JSON.stringify(manifestJsonSchema())));
});
