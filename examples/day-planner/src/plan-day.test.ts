import type { Appointment } from "@rising-bsm/plugin-sdk";
import { expect, test } from "vitest";
import { describeDay, findOverlaps, planDay } from "./plan-day.ts";

function appointment(id: number, time: string, fields: Partial<Appointment> = {}): Appointment {
  return {
    id,
    title: `Visit ${id}`,
    customerId: null,
    appointmentDate: `2026-10-05T${time}:00.000Z`,
    duration: 60,
    location: null,
    description: null,
    status: "PLANNED",
    createdBy: null,
    createdAt: "2026-10-01T00:00:00.000Z",
    updatedAt: "2026-10-01T00:00:00.000Z",
    ...fields,
  };
}

test("planDay() puts the day in order and counts the minutes between", () => {
  const visits = planDay([appointment(2, "11:30"), appointment(1, "10:00")], new Map());
  expect(visits.map(({ id, gapMinutes }) => [id, gapMinutes])).toEqual([
    [1, null],
    [2, 30],
  ]);
  expect(visits[0]?.end).toBe("2026-10-05T11:00:00.000Z");
});

test("planDay() leaves out what does not take place", () => {
  const day = [
    appointment(1, "10:00", { status: "CANCELLED" }),
    appointment(2, "10:00", { status: "NO_SHOW" }),
    appointment(3, "10:00", { status: "CONFIRMED" }),
  ];
  expect(planDay(day, new Map()).map(({ id }) => id)).toEqual([3]);
});

test("findOverlaps() finds neighbours with less time than the way takes", () => {
  const day = [appointment(1, "10:00"), appointment(2, "11:10"), appointment(3, "12:00")];
  expect(findOverlaps(day, 15)).toEqual([
    { ids: [1, 2], missingMinutes: 5 },
    { ids: [2, 3], missingMinutes: 25 },
  ]);
  expect(findOverlaps(day, 0)).toEqual([{ ids: [2, 3], missingMinutes: 10 }]);
  expect(findOverlaps([], 15)).toEqual([]);
});

test("describeDay() says so when there is nothing to do", () => {
  expect(describeDay([])).toContain("no appointments");
  const visits = planDay([appointment(1, "10:00", { location: "Tal 3" })], new Map());
  expect(describeDay(visits)).toBe("10:00 · Visit 1 · Tal 3");
});
