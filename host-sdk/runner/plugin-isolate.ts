import type { Account, Failure, Outcome } from "./account.ts";
import type { CpuLedger } from "./cpu-ledger.ts";
import type { BlankIsolate } from "./blank-isolate.ts";
import { type Origin, runModules, type Sources } from "./load-modules.ts";
import type { PostMessage, TurnMessage } from "./prelude/port.ts";

export interface IsolateEvents {
  ended(account: Account, outcome: Outcome): void;
  hostCall(account: Account, call: { hostId: number; method: string; text: string }): void;
  log(account: Account, entry: { level: number; message: string; fields: string }): void;
  /** The isolate is given up; `code` says why. `stopped` follows unless the process has to end. */
  lost(code: string): void;
  /** Nothing runs in the isolate any more. */
  stopped(): void;
  /** What the turn brought has been told; `moreRun` says that others will end at once. */
  turnEnded(moreRun: boolean): void;
  /** Only the end of the process ends what runs in the isolate. */
  stuck(): void;
}

interface Turn {
  readonly account: Account | undefined;
  readonly work: () => Promise<unknown>;
  /** More than one step: nothing else may run in between. */
  readonly alone: boolean;
}

/** Time that V8 gets to stop code before the process is ended. */
const DISPOSE_GRACE_MS = 400;
/** Turns that wait inside of isolated-vm, so that its thread does not wait for ours between two. */
const TURNS_AHEAD = 16;
/** What taking a message and passing it on costs this thread, about: a weight, not a charge. */
const MESSAGE_MS = 0.03;
const MESSAGE_MS_PER_CHARACTER = 1e-6;

/**
 * A plugin in its isolate. Control goes in by turns, each for one account: isolated-vm runs them one
 * after the other, each with every continuation it sets off, so the first one that has not ended is
 * the one that runs.
 */
export class PluginIsolate {
  readonly #blank: BlankIsolate;
  readonly #ledger: CpuLedger;
  readonly #events: IsolateEvents;
  readonly #accounts = new Map<number, Account>();
  readonly #queue: Turn[] = [];
  /** Handed to isolated-vm and not ended, in order. */
  readonly #running: Turn[] = [];
  /** Since when the first of them has not been noted in the ledger. */
  #notedUntil = 0;
  #dead = false;

  constructor(blank: BlankIsolate, ledger: CpuLedger, events: IsolateEvents) {
    this.#blank = blank;
    this.#ledger = ledger;
    this.#events = events;
    blank.listeners.post = (...message) => this.#receive(message);
    blank.listeners.errand = (ms) => ledger.doErrand(this.#running[0]?.account, ms);
    blank.listeners.catastrophe = () => this.#catastrophe();
  }

  /** Runs the plugin's modules; the outcome is the list of its functions. */
  load(account: Account, sources: Sources, origin: Origin): void {
    this.#accounts.set(account.id, account);
    this.#send(["adopt", account.id, 0, "", ""]);
    this.#enqueue({
      account,
      work: () => runModules(this.#blank, sources, origin),
      alone: true,
    });
  }

  call(account: Account, target: string, argsText: string): void {
    this.#accounts.set(account.id, account);
    this.#send(["call", account.id, 0, target, argsText]);
  }

  setData(text: string): void {
    this.#send(["data", 0, 0, "", text]);
  }

  /** The answer of the host; it reaches the plugin even if the call that asked is over. */
  settleHostCall(id: number, answer: { hostId: number; ok: boolean; text: string }): void {
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    account.hostCalls -= 1;
    this.#send([answer.ok ? "host" : "refused", id, answer.hostId, "", answer.text]);
  }

  /** Nobody waits for the call any more; what it still does stays charged to it. */
  abandon(id: number): void {
    const account = this.#accounts.get(id);
    if (account === undefined) return;
    this.#close(account);
    this.#send(["end", id, 0, "", ""]);
  }

  /** Whether plugin code is on the CPU, or waits for one, now. */
  isRunning(): boolean {
    return this.#running.length > 0;
  }

  /** CPU that the call that runs now has used, in ms; 0 when none runs. */
  runningCpuMs(): number {
    return this.#running[0]?.account?.cpuMs ?? 0;
  }

  /** Whether somebody waits for an answer. */
  isBusy(): boolean {
    return this.#running.length > 0 || this.#accounts.values().some((account) => account.open);
  }

  /** Tells the ledger who has run until now. */
  note(): void {
    const [first] = this.#running;
    if (first === undefined) return;
    const now = this.#ledger.now();
    if (first.account !== undefined) this.#ledger.note(first.account, now - this.#notedUntil);
    this.#notedUntil = now;
  }

  /** Holds every account against its limits; called every few milliseconds. */
  check(now: number, rssMb: number): void {
    for (const account of this.#accounts.values())
      if (rssMb > account.peakRssMb) account.peakRssMb = rssMb;
    const running = this.#running[0]?.account;
    if (running !== undefined && now >= running.deadline)
      return this.kill({ code: "limit_wall", message: LATE });
    for (const account of this.#accounts.values()) {
      if (account.cpuMs > account.cpuLimitMs) return this.kill(TOO_MUCH_CPU, account);
      if (account.open && now >= account.deadline) this.#endLate(account);
    }
  }

  #endLate(account: Account): void {
    this.#end(account, { ok: false, error: { code: "limit_wall", message: LATE } });
    this.#send(["end", account.id, 0, "timeout", ""]);
  }

  /** Ends the isolate; the offender gets the code: whoever runs in it, if nobody is named. */
  kill(
    reason: { code: string; message: string },
    offender: Account | undefined = this.#running[0]?.account,
  ): void {
    if (this.#dead) return;
    this.note();
    this.#finish(reason, offender);
    this.#blank.isolate.dispose();
    if (this.#running.length === 0) return this.#events.stopped();
    setTimeout(() => {
      if (this.#running.length > 0) this.#events.stuck();
    }, DISPOSE_GRACE_MS);
  }

  /** The one who caused it gets the reason, the other open calls are collateral. */
  #finish(reason: { code: string; message: string }, offender: Account | undefined): void {
    this.#dead = true;
    this.#queue.length = 0;
    // Before the failures: whoever hears of one may call again at once.
    this.#events.lost(reason.code);
    if (offender !== undefined) this.#end(offender, { ok: false, error: reason });
    const message = "Another call of this plugin ended its isolate";
    for (const account of this.#accounts.values()) {
      this.#end(account, {
        ok: false,
        error: { code: "plugin_crashed", message, collateral: true },
      });
    }
    this.#accounts.clear();
  }

  /** V8 ran out of memory in a way that leaves its thread parked for ever. */
  #catastrophe(): void {
    if (!this.#dead) this.#finish(OUT_OF_MEMORY, this.#running[0]?.account);
    this.#events.stuck();
  }

  #send(message: TurnMessage): void {
    const account = this.#accounts.get(message[1]);
    const work = () => this.#blank.turn.apply(undefined, [...message]);
    this.#serve(account, message[4].length);
    this.#enqueue({ account, work, alone: false });
  }

  #enqueue(turn: Turn): void {
    if (this.#dead) return;
    this.#queue.push(turn);
    this.#pump();
  }

  #pump(): void {
    for (
      let turn = this.#queue[0];
      turn !== undefined && this.#takes(turn);
      turn = this.#queue[0]
    ) {
      this.#queue.shift();
      void this.#take(turn);
    }
  }

  #takes(turn: Turn): boolean {
    const [first] = this.#running;
    if (first === undefined) return true;
    return !turn.alone && !first.alone && this.#running.length < TURNS_AHEAD;
  }

  /** Ends when the work and everything it set off has run. */
  async #take(turn: Turn): Promise<void> {
    if (this.#running.length === 0) this.#notedUntil = this.#ledger.now();
    this.#running.push(turn);
    let failure: Failure | undefined;
    try {
      await turn.work();
    } catch (error) {
      // The prelude catches what plugin functions throw. This is a module that failed to load, a
      // rejected promise that nobody handled, or the end of the isolate.
      failure = failureOf(error);
    }
    if (!this.#dead) this.note();
    this.#running.shift();
    if (!this.#dead && this.#blank.isolate.isDisposed) this.#finish(OUT_OF_MEMORY, turn.account);
    if (!this.#dead && turn.account !== undefined) this.#afterTurn(turn.account, failure);
    if (!this.#dead) this.#pump();
    else if (this.#running.length === 0) this.#events.stopped();
    this.#events.turnEnded(this.#running.length > 0);
  }

  #serve(account: Account | undefined, characters: number): void {
    const ms = MESSAGE_MS + characters * MESSAGE_MS_PER_CHARACTER;
    if (account !== undefined) this.#ledger.serve(account, ms);
  }

  #afterTurn(account: Account, failure: Failure | undefined): void {
    if (failure !== undefined && account.isLoad) account.outcome ??= { ok: false, error: failure };
    else if (failure !== undefined && account.open) {
      this.#events.log(account, {
        level: 3,
        message: `Unhandled rejection: ${failure.message}`,
        fields: "",
      });
    }
    if (account.outcome !== undefined) this.#end(account, account.outcome);
    if (!account.open && account.hostCalls === 0) this.#accounts.delete(account.id);
  }

  #end(account: Account, outcome: Outcome): void {
    if (!account.open) return;
    this.#close(account);
    this.#ledger.settleWhenDue(performance.now());
    this.#events.ended(account, outcome);
  }

  #close(account: Account): void {
    account.open = false;
    for (const timer of account.timers.values()) clearTimeout(timer);
    account.timers.clear();
  }

  #receive([kind, id, itemId, name, text]: PostMessage): void {
    const account = this.#accounts.get(id);
    if (this.#dead) return;
    if (account === undefined) return this.#refuseLate(kind, id, itemId);
    this.#serve(account, name.length + text.length);
    switch (kind) {
      case "done":
        account.outcome ??= { ok: true, text };
        break;
      case "fail":
        account.outcome ??= { ok: false, error: JSON.parse(text) };
        break;
      case "host":
        account.hostCalls += 1;
        this.#events.hostCall(account, { hostId: itemId, method: name, text });
        break;
      case "log":
        this.#events.log(account, { level: itemId, message: name, fields: text });
        break;
      case "timer":
        this.#setTimer(account, itemId, Number(text));
        break;
    }
  }

  /** Sent while the call was forgotten; the prelude waits for an answer. */
  #refuseLate(kind: PostMessage[0], id: number, hostId: number): void {
    if (kind === "host") this.#send(["refused", id, hostId, "", CALL_OVER]);
  }

  #setTimer(account: Account, id: number, ms: number): void {
    if (!account.open) return;
    const fire = () => {
      account.timers.delete(id);
      this.#send(["timer", account.id, id, "", ""]);
    };
    account.timers.set(id, setTimeout(fire, ms));
  }
}

const CALL_OVER = JSON.stringify({ code: "cancelled", message: "The call is over" });
const LATE = "The call took longer than its wall time limit";
const TOO_MUCH_CPU = {
  code: "limit_cpu",
  message: "The call used more than its CPU time limit",
};
const OUT_OF_MEMORY = {
  code: "limit_memory",
  message: "The plugin used more than its memory limit",
};
const MAX_TEXT = 4_096;

/** An error that isolated-vm copied out. Its stack names files of this process below the plugin's. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof Error))
    return { message: "The plugin threw a value that is not an error" };
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at .*rbsm:\//.test(line));
  return {
    name: error.name,
    message: error.message.slice(0, MAX_TEXT),
    stack: frames.join("\n").slice(0, MAX_TEXT),
  };
}
