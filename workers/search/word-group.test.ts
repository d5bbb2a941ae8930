import * as fc from "fast-check";
import { expect, test } from "vitest";
import { lettersOf, planCommon } from "./common-words.ts";
import { foldWords } from "./fold-text.ts";
import { stem, withoutFillers } from "./stem.ts";
import { synonymsOf } from "./synonyms.ts";
import { understand } from "./understand.ts";
import { joinNeighbours, likelyWords, nearestSpellings, slipsOf, widen } from "./widen.ts";
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

test("slipsOf() of a word that slipped has what the vocabulary has of the word", () => {
  const word = fc.stringMatching(/^[a-zß日]{4,12}$/);
  const stored = (text: string) => {
    const letters = Array.from(text);
    return [text, ...letters.map((_, at) => letters.toSpliced(at, 1).join(""))];
  };
  fc.assert(
    fc.property(word, fc.nat(), fc.nat(3), (text, at, kind) => {
      const letters = Array.from(text);
      const place = at % (letters.length - 1);
      const [left = "", right = ""] = letters.slice(place, place + 2);
      const slips = [
        letters.toSpliced(place, 0, "x"),
        letters.toSpliced(place, 1),
        letters.toSpliced(place, 1, "y"),
        letters.toSpliced(place, 2, right, left),
      ];
      const found = new Set(slipsOf((slips[kind] ?? letters).join("")));
      expect(stored(text).some((each) => found.has(each))).toBe(true);
    }),
  );
  // What was typed is "wettervorhersgae".
  const found = slipsOf("wettervorhersga");
  expect(stored("wettervorhersage").some((each) => found.includes(each))).toBe(true);
  for (const singular of ["rehcnung", "rechnug", "rechnumg"]) {
    const slips = slipsOf(singular);
    expect(stored("rechnungen").some((each) => slips.includes(each))).toBe(true);
  }
  expect(slipsOf("ao".repeat(20)).length).toBeLessThan(300);
});

test("common beginnings are looked for as the common words that begin so", () => {
  const groups = wordGroups(["rech"]);
  const words = ["rech*", "rechnung", "recht"];
  const { asked: planned, common } = planCommon(groups, { letters: ["r"], words });
  expect(common).toEqual(["rech"]);
  expect(planned[0]?.terms.map(({ text, open }) => (open ? `${text}*` : text))).toEqual(
    expect.arrayContaining(["rech", "rechnung", "recht"]),
  );
  expect(planned[0]?.terms.some(({ text, open }) => open && text === "rech")).toBe(false);
  const none = planCommon(groups, { letters: ["r"], words: [] });
  expect(none).toEqual({ asked: groups, common: [] });
  expect(lettersOf(wordGroups(["apfel", "日本"]))).toEqual(["a", "~"]);
});

const asked = (word: string, words: readonly string[]) => {
  const { asked: groups, common } = planCommon(wordGroups([word]), { letters: ["r", "k"], words });
  const texts = groups.flatMap(({ terms }) =>
    terms.map(({ text, open }) => `${text}${open ? "*" : ""}`),
  );
  return { texts, isCommon: common.length > 0 };
};

test("a beginning that no common word goes on from is looked for as a beginning", () => {
  const long = asked("rechnungsexport", ["rechnung*", "rechnung"]);
  expect(long.texts).toContain("rechnungsexport*");
  expect(long.isCommon).toBe(false);
  const summed = asked("komp", ["komp*"]);
  expect(summed.texts).toContain("komp*");
  expect(summed.isCommon).toBe(true);
  expect(asked("kompaktes", ["kompaktesten"]).isCommon).toBe(true);
});

test("a word under a letter that was not read is taken for a common one", () => {
  const { texts, isCommon } = asked("zettel", []);
  expect(texts).toContain("zettel");
  expect(texts).not.toContain("zettel*");
  expect(isCommon).toBe(true);
});

test("both parts of a compound are planned, and two common ones are common", () => {
  const known = ["rechnung", "export"];
  const words = ["rechnung", "rechnung*", "export", "export*"];
  const { group } = widened("rechnungsexport", known);
  const plan = planCommon([group], { letters: ["r", "e", "i", "f", "b", "a", "d"], words });
  expect(plan.common).toEqual(["rechnungsexport"]);
  const parts = plan.asked.flatMap((each) => each.parts).flatMap(({ terms }) => terms);
  expect(parts.filter(({ text, open }) => open && words.includes(text))).toEqual([]);
});

test.each([
  ["reminders that never touch customers", "reminders", "!customers"],
  ["invoice export, never touches customers", "invoice export", "!customers"],
  ["calendar sync without customers", "calendar sync", "!customers"],
  ["export without access to customer data", "export", "!customers"],
  ["doesn't need the internet", "", "!network"],
  ["Plugins that never touch customers", "", "!customers"],
  ["tools without internet", "", "!network"],
  ["Notizen, braucht keine Kundendaten", "notizen", "!customers"],
  ["Uhr, braucht kein Internet", "uhr", "!network"],
  ["notizen ohne Kundendaten", "notizen", "!customers"],
  ["Export ohne Zugriff auf Kunden", "export", "!customers"],
  ["Notizen, greift nicht auf Kunden zu", "notizen", "!customers"],
  ["Statistik die greift nicht auf meine Termine zu", "statistik", "!appointments"],
  ["Kalkulator braucht keine Netzwerkverbindung ohne Internet", "kalkulator", "!network"],
  ["Wetter, fasst Kundendaten nicht an", "wetter", "!customers"],
  ["works without internet connection", "works", "!network"],
])("understand(%j) leaves %j and excludes %j", (text, left, value) => {
  const { text: rest, understood } = understand(text);
  expect(understood.map(({ filter }) => filter.value)).toContain(value);
  expect(rest).toBe(left);
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
