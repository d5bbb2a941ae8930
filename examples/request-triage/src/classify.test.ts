import { expect, test } from "vitest";
import { classify } from "./classify.ts";

test.each([
  ["Unsere Therme ist ausgefallen, bitte dringend kommen!", "urgent", "job", "de"],
  ["There is water coming through the ceiling, please call", "urgent", "job", "en"],
  ["We'd like a quote for the bathroom. No hurry.", "low", "job", "en"],
  ["Bitte die jährliche Wartung wie letztes Jahr.", "normal", "job", "de"],
  ["Ich möchte mich über die letzte Reinigung beschweren.", "normal", "complaint", "de"],
  ["Please cancel my subscription.", "normal", "cancellation", "en"],
  ["SEO-Paket zum Sonderpreis!!! Sofort buchen", "low", "advertising", "de"],
])("classify(%j)", (...[message, urgency, kind, language]) => {
  expect(classify(message)).toMatchObject({ urgency, kind, language });
});

test("classify() does not take one loud word for advertising", () => {
  expect(classify("Bitte helfen Sie uns!!!").kind).toBe("job");
});

test("classify() names the words that decided", () => {
  expect(classify("URGENT: boiler shows error F28").because).toEqual(["urgent", "error f28"]);
  expect(classify("").because).toEqual([]);
});
