export interface ReadResult {
  readonly done: boolean;
  readonly value: unknown;
}

interface QueueSource {
  readonly pull: () => unknown;
  readonly cancel: (reason: unknown) => unknown;
}

/** Chunks between who makes them and who reads them: what a stream is inside. */
export class StreamQueue {
  readonly #source: QueueSource;
  readonly #highWaterMark: number;
  readonly #chunks: unknown[] = [];
  readonly #readings: PromiseWithResolvers<ReadResult>[] = [];
  readonly #ended = Promise.withResolvers<undefined>();
  #state: "open" | "closing" | "closed" | "failed" = "open";
  #failure: unknown;
  #hasBegun = false;
  #isPulling = false;
  #isWanted = false;
  #isDisturbed = false;

  constructor(source: QueueSource, highWaterMark: number) {
    this.#source = source;
    this.#highWaterMark = highWaterMark;
    this.#ended.promise.catch(() => {});
  }

  get ended(): Promise<undefined> {
    return this.#ended.promise;
  }

  /** Somebody has read or cancelled. */
  get isDisturbed(): boolean {
    return this.#isDisturbed;
  }

  /** null: failed. */
  get desiredSize(): number | null {
    if (this.#state === "failed") return null;
    return this.#state === "closed" ? 0 : this.#highWaterMark - this.#chunks.length;
  }

  /** The source may be asked for chunks from now on. */
  begin(): void {
    this.#hasBegun = true;
    void this.#pull();
  }

  enqueue(chunk: unknown): void {
    if (this.#state !== "open") throw new TypeError("The stream takes no more chunks");
    const reading = this.#readings.shift();
    if (reading === undefined) this.#chunks.push(chunk);
    else reading.resolve({ done: false, value: chunk });
    void this.#pull();
  }

  close(): void {
    if (this.#state !== "open") throw new TypeError("The stream is closed already");
    this.#state = "closing";
    if (this.#chunks.length === 0) this.#finish();
  }

  fail(reason: unknown): void {
    if (this.#state === "closed" || this.#state === "failed") return;
    this.#state = "failed";
    this.#failure = reason;
    this.#chunks.length = 0;
    this.refuseReads(reason);
    this.#ended.reject(reason);
  }

  async read(): Promise<ReadResult> {
    this.#isDisturbed = true;
    if (this.#state === "failed") throw this.#failure;
    if (this.#state === "closed") return { done: true, value: undefined };
    if (this.#chunks.length === 0) {
      const reading = Promise.withResolvers<ReadResult>();
      this.#readings.push(reading);
      void this.#pull();
      return reading.promise;
    }
    const value = this.#chunks.shift();
    if (this.#state === "closing" && this.#chunks.length === 0) this.#finish();
    else void this.#pull();
    return { done: false, value };
  }

  /** Nobody reads any more: reads that wait are refused. */
  refuseReads(reason: unknown): void {
    for (const reading of this.#readings.splice(0)) reading.reject(reason);
  }

  async cancel(reason: unknown): Promise<void> {
    this.#isDisturbed = true;
    if (this.#state === "failed") throw this.#failure;
    if (this.#state === "closed") return;
    this.#chunks.length = 0;
    this.#finish();
    await this.#source.cancel(reason);
  }

  #finish(): void {
    this.#state = "closed";
    for (const reading of this.#readings.splice(0))
      reading.resolve({ done: true, value: undefined });
    this.#ended.resolve(undefined);
  }

  async #pull(): Promise<void> {
    this.#isWanted = this.#readings.length > 0 || this.#chunks.length < this.#highWaterMark;
    if (this.#isPulling || !this.#hasBegun || !this.#isWanted || this.#state !== "open") return;
    this.#isPulling = true;
    this.#isWanted = false;
    try {
      await this.#source.pull();
    } catch (error) {
      this.fail(error);
    }
    this.#isPulling = false;
    if (this.#isWanted) void this.#pull();
  }
}
