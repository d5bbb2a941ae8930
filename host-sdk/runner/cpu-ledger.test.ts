import { expect, test } from "vitest";
import { createCpuLedger } from "./cpu-ledger.ts";

function machine() {
  const at = { process: 0, a: 0, b: 0 };
  return { at, ledger: createCpuLedger(() => at.process) };
}

test("an isolate that gets all the CPU it wants is charged what it held", () => {
  const { at, ledger } = machine();
  const meter = ledger.enter(() => at.a);
  Object.assign(at, { process: 12, a: 10 });
  expect(meter.leave()).toBe(10);
});

test("an isolate that waits for a busy machine is charged what it got", () => {
  const { at, ledger } = machine();
  const meter = ledger.enter(() => at.a);
  Object.assign(at, { process: 40, a: 100 });
  expect(meter.leave()).toBe(40);
});

test("two isolates share in proportion to what they held", () => {
  const { at, ledger } = machine();
  const a = ledger.enter(() => at.a);
  const b = ledger.enter(() => at.b);
  Object.assign(at, { process: 60, a: 90, b: 30 });
  ledger.settle();
  expect([a.cpuMs(), b.cpuMs()]).toEqual([45, 15]);
});

test("what the kernel reports late is charged late", () => {
  const { at, ledger } = machine();
  const meter = ledger.enter(() => at.a);
  Object.assign(at, { process: 16, a: 20 });
  ledger.settle();
  expect(meter.cpuMs()).toBe(16);
  Object.assign(at, { process: 40, a: 40 });
  expect(meter.leave()).toBe(40);
});

test("other work of the process is not charged", () => {
  const { at, ledger } = machine();
  at.process = 500;
  const meter = ledger.enter(() => at.a);
  Object.assign(at, { process: 520, a: 10 });
  ledger.settle();
  Object.assign(at, { process: 530, a: 100 });
  expect(meter.leave()).toBeLessThanOrEqual(25);
});

test("a meter that was left does not change", () => {
  const { at, ledger } = machine();
  const meter = ledger.enter(() => at.a);
  Object.assign(at, { process: 5, a: 5 });
  expect(meter.leave()).toBe(5);
  Object.assign(at, { process: 50, a: 50 });
  expect(meter.leave()).toBe(5);
});
