import { expect, test } from "vitest";
import { createCpuLedger, type Debtor } from "./cpu-ledger.ts";

function machine() {
  const taken = { process: 500, thread: 100 };
  const debtor = (): Debtor => ({ cpuMs: 0, notedMs: 0, servedMs: 0 });
  const ledger = createCpuLedger(() => ({ ...taken }));
  return { taken, a: debtor(), b: debtor(), ledger };
}

test("who ran alone is charged all that the other threads took", () => {
  const { taken, ledger, a } = machine();
  ledger.note(a, 10);
  taken.process += 12;
  ledger.settle();
  expect(a).toEqual({ cpuMs: 12, notedMs: 0, servedMs: 0 });
});

test("who waited for a busy machine is charged what the process got", () => {
  const { taken, ledger, a } = machine();
  ledger.note(a, 100);
  taken.process += 40;
  ledger.settle();
  expect(a.cpuMs).toBe(40);
});

test("two who ran share in proportion to the time for which they did", () => {
  const { taken, ledger, a, b } = machine();
  ledger.note(a, 60);
  ledger.note(b, 30);
  ledger.note(a, 30);
  taken.process += 60;
  ledger.settle();
  expect([a.cpuMs, b.cpuMs]).toEqual([45, 15]);
});

test("who waited while this thread worked for another is not charged for that work", () => {
  const { taken, ledger, a, b } = machine();
  ledger.note(a, 1);
  ledger.note(b, 39);
  ledger.serve(a, 38);
  ledger.serve(b, 2);
  taken.process += 42;
  taken.thread += 40;
  ledger.settle();
  expect(a.cpuMs).toBeCloseTo(2 / 40 + 38);
  expect(b.cpuMs).toBeCloseTo((2 * 39) / 40 + 2);
});

test("the clock for turns stands still during errands, and who sent one is charged", () => {
  const { taken, ledger, a } = machine();
  const before = ledger.now();
  ledger.doErrand(a, 1_000_000);
  expect(ledger.now()).toBeLessThan(before);
  ledger.doErrand(undefined, 5);
  taken.process += 7;
  taken.thread += 7;
  ledger.settle();
  expect(a).toEqual({ cpuMs: 7, notedMs: 0, servedMs: 0 });
});

test("what the process took while nobody ran is charged to nobody", () => {
  const { taken, ledger, a } = machine();
  taken.process += 50;
  taken.thread += 20;
  ledger.settle();
  ledger.note(a, 5);
  taken.process += 5;
  ledger.settle();
  expect(a.cpuMs).toBe(5);
});

test("nobody is charged for what they did before the last time", () => {
  const { taken, ledger, a, b } = machine();
  ledger.note(a, 10);
  taken.process += 10;
  ledger.settle();
  ledger.note(b, 10);
  taken.process += 7;
  ledger.settle();
  expect([a.cpuMs, b.cpuMs]).toEqual([10, 7]);
});

test("the kernel is not asked twice within a millisecond", () => {
  const { taken, ledger, a } = machine();
  ledger.settleWhenDue(1_000);
  ledger.note(a, 2);
  taken.process += 2;
  ledger.settleWhenDue(1_000.5);
  expect(a).toEqual({ cpuMs: 0, notedMs: 2, servedMs: 0 });
  ledger.settleWhenDue(1_001.5);
  expect(a).toEqual({ cpuMs: 2, notedMs: 0, servedMs: 0 });
});

test("time that did not pass is not divided by", () => {
  const { taken, ledger, a } = machine();
  ledger.note(a, 0);
  taken.process += 3;
  ledger.settle();
  expect(a.cpuMs).toBe(0);
});
