import * as fc from "fast-check";
import { expect, test } from "vitest";
import { INSTALL_LIMITS } from "./limits.ts";
import {
  type Candidate,
  type Requirement,
  type ResolveInput,
  resolvePlugins,
} from "./resolve-plugins.ts";
import { compareVersions, satisfies } from "./version.ts";

function version(
  version: string,
  dependencies: Record<string, string> = {},
  yanked = false,
): Candidate {
  return { version, dependencies, yanked };
}

function ask(name: string, range = "*"): Requirement {
  return { name, range, by: "you" };
}

type Installed = ResolveInput["installed"];

interface Given {
  readonly requests: readonly Requirement[];
  readonly catalogue: ReadonlyMap<string, readonly Candidate[]>;
  readonly installed?: Installed;
}

function solve({ requests, catalogue, installed = new Map() }: Given) {
  const read = async (name: string) => catalogue.get(name) ?? [];
  return resolvePlugins({ requests, read, installed });
}

function versionsOf(
  resolution: Awaited<ReturnType<typeof solve>>,
): Record<string, string> | string {
  if (resolution.kind !== "resolved") return resolution.kind;
  return Object.fromEntries(
    [...resolution.plugins].map(([name, candidate]) => [name, candidate.version]),
  );
}

test("the highest versions that fit are chosen", async () => {
  const catalogue = new Map([
    ["a", [version("1.0.0"), version("2.0.0", { b: "^1.0.0" })]],
    ["b", [version("1.0.0"), version("1.9.0"), version("2.0.0")]],
  ]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue }))).toEqual({
    a: "2.0.0",
    b: "1.9.0",
  });
});

test("a version whose needs cannot be met gives way to a lower one", async () => {
  const catalogue = new Map([
    ["a", [version("1.0.0"), version("2.0.0", { b: "^3.0.0" })]],
    ["b", [version("1.0.0")]],
  ]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue }))).toEqual({ a: "1.0.0" });
});

test("prereleases are chosen only when a range names one", async () => {
  const catalogue = new Map([["a", [version("1.0.0"), version("2.0.0-beta.1")]]]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue }))).toEqual({ a: "1.0.0" });
  expect(versionsOf(await solve({ requests: [ask("a", "^2.0.0-beta.0")], catalogue }))).toEqual({
    a: "2.0.0-beta.1",
  });
});

test("a yanked version is chosen only when it is pinned or installed", async () => {
  const catalogue = new Map([["a", [version("1.0.0"), version("1.1.0", {}, true)]]]);
  const installed = new Map([["a", version("1.1.0", {}, true)]]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue }))).toEqual({ a: "1.0.0" });
  expect(versionsOf(await solve({ requests: [ask("a", "1.1.0")], catalogue }))).toEqual({
    a: "1.1.0",
  });
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue, installed }))).toEqual({
    a: "1.1.0",
  });
});

test("what is installed and fits stays, even when there is a higher version", async () => {
  const catalogue = new Map([
    ["a", [version("1.0.0", { b: "^1.0.0" })]],
    ["b", [version("1.0.0"), version("1.5.0")]],
  ]);
  const installed = new Map([["b", version("1.0.0")]]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue, installed }))).toEqual({
    a: "1.0.0",
    b: "1.0.0",
  });
});

test("what installed plugins need is a conflict that names each of them", async () => {
  const catalogue = new Map([["b", [version("1.0.0"), version("2.0.0")]]]);
  const installed = new Map([
    ["a", version("1.0.0", { b: "^1.0.0" })],
    ["b", version("1.0.0")],
  ]);
  const resolution = await solve({ requests: [ask("b", "^2.0.0")], catalogue, installed });
  expect(resolution).toMatchObject({
    kind: "conflict",
    conflicts: [
      { name: "b", requirements: [ask("b", "^2.0.0"), { by: "a@1.0.0", range: "^1.0.0" }] },
    ],
  });
});

test("plugins that need each other are one set", async () => {
  const catalogue = new Map([
    ["a", [version("1.0.0", { b: "^1.0.0" })]],
    ["b", [version("1.0.0", { a: "^1.0.0" }), version("1.1.0", { a: "^2.0.0" })]],
  ]);
  expect(versionsOf(await solve({ requests: [ask("a")], catalogue }))).toEqual({
    a: "1.0.0",
    b: "1.0.0",
  });
});

test("each plugin that is needed is read once, and no other", async () => {
  const catalogue = new Map([
    ["a", [version("1.0.0"), version("2.0.0", { b: "^2.0.0", c: "*" })]],
    ["b", [version("1.0.0", { d: "*" }), version("1.1.0", { a: "*" })]],
    ["c", [version("1.0.0", { b: "*" })]],
  ]);
  const reads: string[] = [];
  const read = async (name: string) => {
    reads.push(name);
    return catalogue.get(name) ?? [];
  };
  const requests = [ask("a"), ask("c")];
  const resolution = await resolvePlugins({ requests, read, installed: new Map() });
  expect(versionsOf(resolution)).toEqual({ a: "1.0.0", b: "1.1.0", c: "1.0.0" });
  expect(reads).toEqual(["a", "c", "b"]);
});

test("a catalogue made to be slow ends the search", async () => {
  const names = Array.from({ length: 30 }, (_, i) => `p${String(i).padStart(2, "0")}`);
  const catalogue = new Map(
    names.map((name, i) => {
      const next = names[i + 1] ?? "missing";
      return [
        name,
        Array.from({ length: 20 }, (_, v) => version(`1.0.${v}`, { [next]: "*" })),
      ] as const;
    }),
  );
  catalogue.set("missing", []);
  const started = performance.now();
  expect(await solve({ requests: [ask("p00")], catalogue })).toMatchObject({
    kind: "conflict",
    gaveUp: true,
  });
  expect(performance.now() - started).toBeLessThan(2_000);
});

test.each(["^9.0.0", Array.from({ length: 28 }, (_, i) => `^${70 + i}.1.1`).join("||")])(
  "a thousand versions that need what none of a thousand are, as %s, end the search",
  async (range) => {
    const versions = (dependencies: Record<string, string>) =>
      Array.from({ length: 1_000 }, (_, minor) => version(`1.${minor}.0`, dependencies));
    const catalogue = new Map([
      ["a", versions({ b: range })],
      ["b", versions({})],
    ]);
    const started = performance.now();
    expect(await solve({ requests: [ask("a")], catalogue })).toMatchObject({ gaveUp: true });
    expect(performance.now() - started).toBeLessThan(4_000);
  },
);

test("a set of more plugins than may be read ends the search", async () => {
  let reads = 0;
  const read = async (name: string) => {
    reads++;
    if (name !== "a") return [];
    return Array.from({ length: 3_000 }, (_, minor) =>
      version(`1.${minor}.0`, { [`missing-${minor}`]: "*" }),
    );
  };
  const resolution = await resolvePlugins({ requests: [ask("a")], read, installed: new Map() });
  expect(resolution).toMatchObject({ kind: "conflict", gaveUp: true });
  expect(reads).toBe(INSTALL_LIMITS.resolveReads);
});

const NAMES = ["a", "b", "c", "d"] as const;
const VERSIONS = ["1.0.0", "1.1.0", "2.0.0", "2.0.0-rc.1", "3.0.0"] as const;
const RANGES = ["*", "^1.0.0", "^2.0.0", ">=1.1.0", "<2.0.0", "1.1.0", ">=2.0.0-rc.0"] as const;

const candidateArb = fc.record({
  version: fc.constantFrom(...VERSIONS),
  dependencies: fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...RANGES), {
    maxKeys: 2,
  }),
  yanked: fc.boolean(),
});
const catalogueArb = fc
  .tuple(
    ...NAMES.map(() =>
      fc.uniqueArray(candidateArb, { maxLength: 4, selector: (one) => one.version }),
    ),
  )
  .map((lists) => new Map(NAMES.map((name, i) => [name, lists[i] ?? []] as const)));
const inputArb = catalogueArb.chain((catalogue) =>
  fc.record({
    requests: fc.tuple(fc.constantFrom(...RANGES)).map(([range]) => [ask("a", range)]),
    catalogue: fc.constant(catalogue),
    installed: fc
      .tuple(
        ...NAMES.map((name) =>
          fc.option(fc.nat({ max: Math.max(0, (catalogue.get(name)?.length ?? 0) - 1) })),
        ),
      )
      .map((picks) => {
        const pairs = NAMES.map(
          (name, i) =>
            [name, picks[i] == null ? undefined : catalogue.get(name)?.[picks[i]]] as const,
        );
        return new Map(
          pairs.flatMap(([name, one]) => (one === undefined ? [] : [[name, one] as const])),
        );
      }),
  }),
);

/** Is the set closed, within every range, and made only of versions that may be chosen? */
function isValid(set: ReadonlyMap<string, Candidate>, input: Required<Given>): boolean {
  const standing = [...input.installed]
    .filter(([name]) => name !== "a")
    .flatMap(([, one]) => Object.entries(one.dependencies));
  const needs = [
    ...input.requests.map(({ name, range }) => [name, range] as const),
    ...[...set.values()].flatMap((one) => Object.entries(one.dependencies)),
  ];
  if (!needs.every(([name]) => set.has(name))) return false;
  const limits = [...needs, ...standing];
  return [...set].every(([name, one]) => {
    const ranges = limits.filter(([other]) => other === name).map(([, range]) => range);
    const pinned = input.requests.some((need) => need.name === name && need.range === one.version);
    const allowed = !one.yanked || pinned || input.installed.get(name)?.version === one.version;
    return allowed && ranges.every((range) => satisfies(one.version, range));
  });
}

/** Every set over the catalogue. */
function everySet(input: Given): Map<string, Candidate>[] {
  return NAMES.reduce(
    (sets, name) =>
      [null, ...(input.catalogue.get(name) ?? [])].flatMap((one) =>
        sets.map((set) => (one === null ? set : new Map([...set, [name, one]]))),
      ),
    [new Map<string, Candidate>()],
  );
}

test("a set is found exactly when there is one, it is valid, and nothing higher was possible for what was asked", async () => {
  await fc.assert(
    fc.asyncProperty(inputArb, async (input) => {
      const resolution = await solve(input);
      const best = everySet(input)
        .filter((set) => isValid(set, input))
        .map((set) => set.get("a")?.version ?? "0.0.0")
        .sort(compareVersions)
        .at(-1);
      if (best === undefined) {
        expect(resolution.kind).toBe("conflict");
        return;
      }
      if (resolution.kind !== "resolved") throw new Error(`${best} would have been possible`);
      expect(isValid(resolution.plugins, input)).toBe(true);
      expect(resolution.plugins.get("a")?.version).toBe(best);
    }),
    { numRuns: 1_500 },
  );
});

test("the answer does not depend on the order of the catalogue", async () => {
  await fc.assert(
    fc.asyncProperty(inputArb, async (input) => {
      const shuffled = new Map(
        [...input.catalogue].reverse().map(([name, list]) => [name, list.toReversed()] as const),
      );
      expect(versionsOf(await solve({ ...input, catalogue: shuffled }))).toEqual(
        versionsOf(await solve(input)),
      );
    }),
    { numRuns: 500 },
  );
});
