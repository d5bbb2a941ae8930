/** Reporter of vitest: names each test that passed only when it was tried again. */
import type { Reporter, TestCase } from "vitest/node";

export default class RetriedTests implements Reporter {
  #retried: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.result().state !== "passed" || !test.diagnostic()?.flaky) return;
    const why = test.result().errors?.[0]?.message.split("\n")[0] ?? "";
    this.#retried.push(`${test.module.relativeModuleId} > ${test.fullName}: ${why}`);
  }

  onTestRunEnd(): void {
    for (const name of this.#retried) console.log(`passed at the second try: ${name}`);
  }
}
