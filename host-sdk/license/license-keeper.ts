import { isDeepStrictEqual } from "node:util";
import type { HostLogger } from "../host-options.ts";
import type { LicenseDescription } from "./describe-license.ts";
import type { ClockReading } from "./license-clock.ts";
import { isWorse, type LicenseEvent, newsOf, type Told, toldOf } from "./license-news.ts";
import type { LicenseRows } from "./license-rows.ts";
import type { Licenses } from "./licenses.ts";

/** What the keeper works with. */
export interface LicenseKeeperParts {
  readonly licenses: Licenses;
  readonly rows: Pick<LicenseRows, "told" | "writeTold">;
  /** Plugins that are installed; the seats of others run out. */
  readonly isInstalled: (plugin: string) => boolean;
  readonly publishedAt: (plugin: string) => number | undefined;
  readonly readClock: () => ClockReading;
  readonly logger: HostLogger;
}

const LOOK_EVERY_MS = 20_000;
/** The first look after a start: hosts that were started together do not ask together. */
const FIRST_LOOK_MS = 5_000;
/** Wall clock and counter that drift apart by more between two looks: it was set, or the machine slept. */
const JUMP_MS = 5 * 60_000;

/** Renews one host's leases in time and tells what becomes of them. */
export class LicenseKeeper {
  readonly #parts: LicenseKeeperParts;
  readonly #listeners = new Set<(event: LicenseEvent) => void>();
  /** The last warning in the log about each plugin. */
  readonly #logged = new Map<string, string>();
  /** As it is stored; null before the first look. */
  #told: Told | null = null;
  #lastReading: ClockReading;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #working: Promise<void> = Promise.resolve();

  constructor(parts: LicenseKeeperParts) {
    this.#parts = parts;
    this.#lastReading = parts.readClock();
  }

  /**
   * One look: renews what is due, and at once what would else become worse or when the clock has
   * jumped; then tells listeners what is different now. Never throws.
   */
  look(): Promise<void> {
    return this.#alone(() => this.#look());
  }

  /** Tells listeners what is different, without asking anybody. Never throws. */
  tell(): Promise<void> {
    return this.#alone(() => this.#tell());
  }

  /** Looks soon, and then about three times a minute. */
  start(): void {
    this.#lookAfter(Math.random() * FIRST_LOOK_MS);
  }

  /** Calls `listener` with all that is told; the result stops that. */
  on(listener: (event: LicenseEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Stops looking and waits for a look that is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#working;
  }

  #lookAfter(ms: number): void {
    if (this.#closed) return;
    const lookAgain = () => void this.look().finally(() => this.#lookAfter(LOOK_EVERY_MS));
    this.#timer = setTimeout(lookAgain, ms).unref();
  }

  async #look(): Promise<void> {
    const { licenses, readClock, isInstalled } = this.#parts;
    const reading = readClock();
    if (hasJumped(this.#lastReading, reading)) licenses.hurry();
    this.#lastReading = reading;
    const told = await this.#readTold();
    for (const license of this.#describeAll(told)) {
      if (isWorse(license, told)) licenses.hurry(license.plugin);
    }
    const problems = await licenses.renewDue(isInstalled);
    for (const plugin of this.#logged.keys()) {
      if (licenses.describe(plugin).problem === null) this.#logged.delete(plugin);
    }
    for (const { plugin, error } of problems) this.#log(plugin, error);
    await this.#tell();
    await licenses.keepTime();
  }

  async #tell(): Promise<void> {
    const { licenses } = this.#parts;
    const told = await this.#readTold();
    const now = this.#describeAll(told);
    const news = newsOf(now, told, new Date(licenses.now()).toISOString());
    if (news.length === 0) return;
    await this.#store(toldOf(now));
    for (const event of news) for (const listener of this.#listeners) this.#call(listener, event);
  }

  /** Before anybody hears of it: a store that fails is no reason to tell the same thing for ever. */
  async #store(told: Told): Promise<void> {
    const { rows } = this.#parts;
    try {
      await rows.writeTold(told);
    } catch (error) {
      // It may have failed after it had stored.
      if (!isDeepStrictEqual(await rows.told(), told)) throw error;
    }
    this.#told = told;
  }

  async #readTold(): Promise<Told> {
    return (this.#told ??= await this.#parts.rows.told());
  }

  #call(listener: (event: LicenseEvent) => void, event: LicenseEvent): void {
    Promise.resolve(event)
      .then(listener)
      .catch((error: unknown) => this.#parts.logger.error("A license listener failed", { error }));
  }

  #describeAll(told: Told): LicenseDescription[] {
    const { licenses, publishedAt } = this.#parts;
    const plugins = new Set([...licenses.plugins(), ...Object.keys(told)]);
    return [...plugins].sort().map((plugin) => licenses.describe(plugin, publishedAt(plugin)));
  }

  /** A marketplace that is away for a week is one line a plugin, not a thousand. */
  #log(plugin: string, error: unknown): void {
    const text = String(error);
    if (this.#logged.get(plugin) === text) return;
    this.#logged.set(plugin, text);
    this.#parts.logger.warn(`The license of ${plugin} could not be renewed`, { error: text });
  }

  /** One after the other: each goes on from what the one before has told. */
  #alone(work: () => Promise<void>): Promise<void> {
    this.#working = this.#working.then(work).catch((error: unknown) => {
      const { logger } = this.#parts;
      logger.warn("Licenses could not be looked after", { error: String(error) });
    });
    return this.#working;
  }
}

function hasJumped(before: ClockReading, now: ClockReading): boolean {
  const passed = now.monotonic - before.monotonic;
  return Math.abs(now.system - before.system - passed) > JUMP_MS;
}
