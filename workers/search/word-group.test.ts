import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lettersOf, planCommon } from "./common-words.ts";
import { foldWords } from "./fold-text.ts";
import { stem, withoutFillers } from "./stem.ts";
import { synonymsOf } from "./synonyms.ts";
import { understand } from "./understand.ts";
import { joinNeighbours, likelyWords, nearestSpellings, widen } from "./widen.ts";
import { nearness, wordGroup, wordGroups } from "./word-group.ts";

test.each([
  ["rechnungen", "rechnung"],
  ["rechnung", "rechnung"],
  ["invoices", "invoic"],
  ["termine", "termin"],
  ["termin", "termin"],
  ["kunden", "kund"],
  ["categories", "categor"],
  ["scheduling", "schedul"],
  ["sms", "sms"],
  ["ring", "ring"],
  ["daten", "daten"],
])("stem(%j) is %j", (word, expected) => {
  expect(stem(word)).toBe(expected);
});

test("a stem is a beginning of its word", () => {
  fc.assert(
    fc.property(fc.string(), (word) => {
      expect(word.startsWith(stem(word))).toBe(true);
    }),
  );
});

test("synonyms lead both ways, whatever the ending, and never to the word itself", () => {
  expect(synonymsOf("rechnungen")).toContain("invoice");
  expect(synonymsOf("invoices")).toContain("rechnung");
  expect(synonymsOf("kalender")).toEqual(["calendar"]);
  expect(synonymsOf("kunde")).toContain("customer");
  expect(synonymsOf("unicorn")).toEqual([]);
});

test("fillers are left out unless there is nothing else", () => {
  expect(withoutFillers(["a", "plugin", "for", "invoices"])).toEqual(["invoices"]);
  expect(withoutFillers(["plugin"])).toEqual(["plugin"]);
});

test("nearness() falls from what was typed over its beginnings to its synonyms", () => {
  const [group = wordGroup("", { isLast: true })] = wordGroups(["invoice"]);
  const scores = ["invoice", "invoices", "rechnung", "unicorn"].map((word) =>
    nearness(group, [word]),
  );
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(new Set(scores).size).toBe(4);
  expect(scores.at(-1)).toBe(0);
});

function widened(word: string, known: readonly string[]) {
  return widen(wordGroup(word, { isLast: true }), { alike: known, known: new Set(known) });
}

test.each([
  ["invocie", ["invoice", "voice"], "invoice"],
  ["kalnder", ["kalender", "kinder"], "kalender"],
  ["temrin", ["termin"], "termin"],
  ["remindrr", ["reminder", "remainder"], "reminder"],
  ["sms", ["sme"], null],
  ["termin", ["termin", "tarmin"], null],
])("%j with %j in the catalogue is taken for %j", (word, known, expected) => {
  expect(widened(word, known).corrected).toBe(expected);
});

test("a word that the catalogue has is not taken for another", () => {
  expect(nearness(widened("termin", ["termin", "tarmin"]).group, ["tarmin"])).toBe(0);
});

test("a compound is looked for in its parts, and a word inside compounds", () => {
  const { group } = widened("rechnungsexport", ["rechnung", "export"]);
  expect(nearness(group, ["rechnungen", "exportieren"])).toBeGreaterThan(0);
  expect(nearness(group, ["invoice", "export"])).toBeGreaterThan(0);
  expect(nearness(group, ["export"])).toBe(0);
  expect(
    nearness(widened("export", ["rechnungsexport"]).group, ["rechnungsexport"]),
  ).toBeGreaterThan(0);
});

test("two words that the catalogue writes as one are one", () => {
  const joined = joinNeighbours(wordGroups(["whats", "app", "chat"]), new Set(["whatsapp"]));
  expect(joined.map(({ word }) => word)).toEqual(["whatsapp", "chat"]);
  expect(joinNeighbours(wordGroups(["whats", "app"]), new Set())).toHaveLength(2);
});

test("nearestSpellings() finds a word that slipped once, of any letters", () => {
  const word = fc.stringMatching(/^[a-z]{4,12}$/);
  fc.assert(
    fc.property(word, fc.nat(), fc.nat(3), (text, at, kind) => {
      const place = at % (text.length - 1);
      const [before, rest] = [text.slice(0, place), text.slice(place)];
      const slips = [
        `${before}x${rest}`,
        before + rest.slice(1),
        `${before}y${rest.slice(1)}`,
        before + (rest[1] ?? "") + (rest[0] ?? "") + rest.slice(2),
      ];
      const slip = slips[kind] ?? text;
      if (slip === text || slip.length < 4) return;
      expect(nearestSpellings(slip, [text])).toEqual([text]);
    }),
  );
  expect(likelyWords("temrin")).toContain("termin");
});

test("common beginnings are looked for as the common words that begin so", () => {
  const groups = wordGroups(["rech"]);
  const { groups: planned, common } = planCommon(groups, ["rech*", "rechnung", "recht"]);
  expect(common).toEqual(["rech"]);
  expect(planned[0]?.terms.map(({ text, open }) => (open ? `${text}*` : text))).toEqual(
    expect.arrayContaining(["rech", "rechnung", "recht"]),
  );
  expect(planned[0]?.terms.some(({ text, open }) => open && text === "rech")).toBe(false);
  expect(planCommon(groups, []).groups).toEqual(groups);
  expect(planCommon(groups, []).common).toEqual([]);
  expect(lettersOf(wordGroups(["apfel", "日本"]))).toEqual(["a", "~"]);
});

test.each([
  ["reminders that never touch customers", "reminders", "!customers"],
  ["invoice export, never touches customers", "invoice export", "!customers"],
  ["calendar sync without customers", "calendar sync", "!customers"],
  ["export without access to customer data", "export", "!customers"],
  ["doesn't need the internet", "", "!network"],
  ["notizen ohne Kundendaten", "notizen", "!customers"],
  ["Export ohne Zugriff auf Kunden", "export", "!customers"],
  ["Notizen, greift nicht auf Kunden zu", "notizen", "!customers"],
  ["Statistik die greift nicht auf meine Termine zu", "statistik", "!appointments"],
  ["Kalkulator braucht keine Netzwerkverbindung ohne Internet", "", "!network"],
  ["Wetter, fasst Kundendaten nicht an", "wetter", "!customers"],
  ["works without internet connection", "works", "!network"],
])("understand(%j) leaves %j and excludes %j", (text, left, value) => {
  const { text: rest, understood } = understand(text);
  expect(understood.map(({ filter }) => filter.value)).toContain(value);
  if (left !== "") expect(rest).toBe(left);
});

test.each(["customers", "without borders", "ohne Termin", '"never touches customers"', "no show"])(
  "understand(%j) is what was typed",
  (text) => {
    expect(understand(text)).toEqual({ text, understood: [] });
  },
);

test("understand() takes any text, and what it leaves has nothing more to be understood", () => {
  const words = fc.constantFrom(
    "never",
    "touches",
    "without",
    "ohne",
    "kunden",
    "customers",
    "greift",
    "nicht",
    "auf",
    "zu",
    "the",
    "meine",
    "sms",
  );
  const sentence = fc.array(words, { maxLength: 12 }).map((each) => each.join(" "));
  fc.assert(
    fc.property(fc.oneof(sentence, fc.string({ unit: "binary", maxLength: 400 })), (text) => {
      const { text: rest, understood } = understand(text);
      if (understood.length === 0) expect(rest).toBe(text);
      else expect(foldWords(rest).join(" ")).toBe(rest);
    }),
  );
});
