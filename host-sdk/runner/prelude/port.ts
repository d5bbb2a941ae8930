/**
 * The only way out of the isolate: one function that takes strings and numbers and returns nothing.
 * No object of the host exists in here, so there is none to reach for.
 */
export type Post = (...message: PostMessage) => void;
export type PostMessage = readonly [
  kind: "done" | "fail" | "host" | "log" | "timer",
  account: number,
  id: number,
  name: string,
  text: string,
];

/** The only way in: the host hands over control for one account at a time. */
export type Turn = (...message: TurnMessage) => void;
export type TurnMessage = readonly [
  kind: "adopt" | "call" | "host" | "refused" | "timer" | "end" | "data",
  account: number,
  id: number,
  name: string,
  text: string,
];

export interface PreludeLimits {
  readonly callsInFlight: number;
  readonly payloadBytes: number;
  readonly messageBytes: number;
  readonly logLines: number;
  readonly logBytes: number;
}

export let post: Post = () => {
  throw new Error("The prelude is not connected");
};
export let limits: PreludeLimits = {
  callsInFlight: 0,
  payloadBytes: 0,
  messageBytes: 0,
  logLines: 0,
  logBytes: 0,
};

export function connect(out: Post, callLimits: PreludeLimits): void {
  post = out;
  limits = callLimits;
}
