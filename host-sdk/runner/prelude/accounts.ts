import { codedError } from "./errors.ts";

/**
 * One account for each call that the host made into this isolate. The host hands control over in
 * turns, each for one account; whatever runs in a turn, continuations after an `await` included, is
 * charged to it.
 */
export interface Account {
  readonly id: number;
  open: boolean;
  hostCalls: number;
  /** Of these, how many have left for the host. */
  hostCallsOut: number;
  /** Timers ever set, so that setting and clearing them in a loop ends too. */
  timers: number;
  logLines: number;
  logBytes: number;
  errands: number;
  errandUnits: number;
}

const UNUSED = {
  hostCalls: 0,
  hostCallsOut: 0,
  timers: 0,
  logLines: 0,
  logBytes: 0,
  errands: 0,
  errandUnits: 0,
};
const accounts = new Map<number, Account>();
let current: Account | undefined;

export function beginTurn(id: number, opens: boolean): Account | undefined {
  if (opens) accounts.set(id, { id, open: true, ...UNUSED });
  current = accounts.get(id);
  return current;
}

/** The account of the running turn; refuses when its call is over and nobody waits for the work. */
export function openAccount(): Account {
  if (current?.open !== true)
    throw codedError("cancelled", "The call that started this work is over");
  return current;
}

export function closeAccount(id: number): void {
  const account = accounts.get(id);
  if (account === undefined) return;
  account.open = false;
  forgetWhenSettled(account);
}

/** A closed account lives until its last host call is answered. */
export function forgetWhenSettled(account: Account): void {
  if (!account.open && account.hostCalls === 0) accounts.delete(account.id);
}
