import { expect, test } from "vitest";
import { createCpuLedger, type Debtor } from "./cpu-ledger.ts";

function machine() {
  const clock = { processMs: 500 };
  const debtor = (): Debtor => ({ cpuMs: 0, notedMs: 0 });
  return { clock, a: debtor(), b: debtor(), ledger: createCpuLedger(() => clock.processMs) };
}

test("who ran alone is charged all that the process took", () => {
  const { clock, ledger, a } = machine();
  ledger.note(a, 10);
  clock.processMs += 12;
  ledger.settle();
  expect(a).toEqual({ cpuMs: 12, notedMs: 0 });
});

test("who waited for a busy machine is charged what the process got", () => {
  const { clock, ledger, a } = machine();
  ledger.note(a, 100);
  clock.processMs += 40;
  ledger.settle();
  expect(a.cpuMs).toBe(40);
});

test("two who ran share in proportion to the time for which they did", () => {
  const { clock, ledger, a, b } = machine();
  ledger.note(a, 60);
  ledger.note(b, 30);
  ledger.note(a, 30);
  clock.processMs += 60;
  ledger.settle();
  expect([a.cpuMs, b.cpuMs]).toEqual([45, 15]);
});

test("what the process took while nobody ran is charged to nobody", () => {
  const { clock, ledger, a } = machine();
  clock.processMs += 50;
  ledger.settle();
  ledger.note(a, 5);
  clock.processMs += 5;
  ledger.settle();
  expect(a.cpuMs).toBe(5);
});

test("nobody is charged for what they did before the last time", () => {
  const { clock, ledger, a, b } = machine();
  ledger.note(a, 10);
  clock.processMs += 10;
  ledger.settle();
  ledger.note(b, 10);
  clock.processMs += 7;
  ledger.settle();
  expect([a.cpuMs, b.cpuMs]).toEqual([10, 7]);
});

test("the kernel is not asked twice within a millisecond", () => {
  const { clock, ledger, a } = machine();
  ledger.settleWhenDue(1_000);
  ledger.note(a, 2);
  clock.processMs += 2;
  ledger.settleWhenDue(1_000.5);
  expect(a).toEqual({ cpuMs: 0, notedMs: 2 });
  ledger.settleWhenDue(1_001.5);
  expect(a).toEqual({ cpuMs: 2, notedMs: 0 });
});

test("time that did not pass is not divided by", () => {
  const { clock, ledger, a } = machine();
  ledger.note(a, 0);
  clock.processMs += 3;
  ledger.settle();
  expect(a.cpuMs).toBe(0);
});
