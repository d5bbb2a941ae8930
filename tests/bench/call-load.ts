import type { Json } from "@rising-bsm/protocol";

/** Some calls of one function with one argument. */
export interface CallLoad {
  readonly payload: Json;
  readonly calls: number;
  readonly inFlight: number;
}

/** What they took: ms of each in no order, and how many a second. */
export interface CallSample {
  readonly times: readonly number[];
  readonly perSecond: number;
}

/** Something that can be called and that answers with its argument. */
export interface Peer {
  measure(load: CallLoad): Promise<CallSample>;
  close(): Promise<void> | void;
}

/** Makes the calls, `inFlight` at a time; an answer that is not the argument is an error. */
export async function measureCalls(
  call: (payload: Json) => Promise<unknown>,
  { payload, calls, inFlight }: CallLoad,
): Promise<CallSample> {
  const times: number[] = [];
  const expected = JSON.stringify(payload).length;
  let left = calls;
  let last: unknown;
  async function work(): Promise<void> {
    while (left > 0) {
      left -= 1;
      const begun = performance.now();
      last = await call(payload);
      times.push(performance.now() - begun);
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, work));
  const perSecond = calls / ((performance.now() - startedAt) / 1000);
  if (JSON.stringify(last).length !== expected) throw new Error("The answer is not the argument");
  return { times, perSecond };
}

/** A small answer, and an object of 1,024 bytes of JSON. */
export const PAYLOADS = { tiny: 1, "1 KB": oneKilobyte() } as const;

function oneKilobyte(): Json {
  const customer = {
    id: 4_711,
    name: "Ada Lovelace",
    tags: ["regular", "invoice by post"],
    notes: "",
  };
  return { ...customer, notes: "n".repeat(1_024 - JSON.stringify(customer).length) };
}
