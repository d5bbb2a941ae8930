import { type ReadResult, StreamQueue } from "./stream-queue.ts";

/**
 * ReadableStream of the Streams standard with its default reader and controller: what bodies need.
 * Byte streams, pipes and the other kinds of stream are not here.
 */
interface Source {
  readonly start?: (controller: ReadableStreamDefaultController) => unknown;
  readonly pull?: (controller: ReadableStreamDefaultController) => unknown;
  readonly cancel?: (reason: unknown) => unknown;
  readonly type?: unknown;
}

interface Strategy {
  readonly highWaterMark?: unknown;
}

const secret = Symbol("only a stream makes its controller");
let queueOf: (stream: ReadableStream) => StreamQueue;
let lock: (stream: ReadableStream, reader: ReadableStreamDefaultReader | undefined) => void;

export class ReadableStreamDefaultController {
  readonly #queue: StreamQueue;

  constructor(key?: unknown, queue?: StreamQueue) {
    if (key !== secret || queue === undefined) throw new TypeError("Illegal constructor");
    this.#queue = queue;
  }

  get desiredSize(): number | null {
    return this.#queue.desiredSize;
  }

  enqueue(chunk?: unknown): void {
    this.#queue.enqueue(chunk);
  }

  close(): void {
    this.#queue.close();
  }

  error(reason?: unknown): void {
    this.#queue.fail(reason);
  }
}

export class ReadableStreamDefaultReader {
  #stream: ReadableStream | undefined;
  #closed: Promise<undefined>;

  constructor(stream: ReadableStream) {
    lock(stream, this);
    this.#stream = stream;
    this.#closed = queueOf(stream).ended;
  }

  get closed(): Promise<undefined> {
    return this.#closed;
  }

  async read(): Promise<ReadResult> {
    return this.#queue().read();
  }

  async cancel(reason?: unknown): Promise<void> {
    await this.#queue().cancel(reason);
  }

  releaseLock(): void {
    if (this.#stream === undefined) return;
    const released = new TypeError("The reader was released");
    this.#queue().refuseReads(released);
    lock(this.#stream, undefined);
    this.#stream = undefined;
    this.#closed = Promise.reject(released);
    this.#closed.catch(() => {});
  }

  #queue(): StreamQueue {
    if (this.#stream === undefined) throw new TypeError("The reader was released");
    return queueOf(this.#stream);
  }
}

export class ReadableStream {
  readonly #queue: StreamQueue;
  #reader: ReadableStreamDefaultReader | undefined;

  constructor(source: Source | null = {}, strategy: Strategy | null = {}) {
    const from = source ?? {};
    if (from.type !== undefined) throw new RangeError("Byte streams are not supported");
    const highWaterMark = Number(strategy?.highWaterMark ?? 1);
    if (!(highWaterMark >= 0)) throw new RangeError("The high water mark is not a size");
    this.#queue = new StreamQueue(
      {
        pull: () => from.pull?.(controller),
        cancel: (reason) => from.cancel?.(reason),
      },
      highWaterMark,
    );
    const controller = new ReadableStreamDefaultController(secret, this.#queue);
    void Promise.resolve(from.start?.(controller)).then(
      () => this.#queue.begin(),
      (reason: unknown) => this.#queue.fail(reason),
    );
  }

  static from(items: Iterable<unknown> | AsyncIterable<unknown>): ReadableStream {
    const iterator = (async function* () {
      yield* items;
    })();
    return new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await iterator.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => iterator.return(undefined),
      },
      { highWaterMark: 0 },
    );
  }

  get locked(): boolean {
    return this.#reader !== undefined;
  }

  getReader(options: { readonly mode?: unknown } = {}): ReadableStreamDefaultReader {
    if (options.mode !== undefined) throw new TypeError("Byte readers are not supported");
    return new ReadableStreamDefaultReader(this);
  }

  async cancel(reason?: unknown): Promise<void> {
    if (this.locked) throw new TypeError("The stream is locked to a reader");
    await this.#queue.cancel(reason);
  }

  /** Cancelling one branch does not cancel the source. */
  tee(): [ReadableStream, ReadableStream] {
    const reader = this.getReader();
    const controllers: ReadableStreamDefaultController[] = [];
    let reading: Promise<void> | undefined;
    const readOnce = async () => {
      const { done, value } = await reader.read();
      reading = undefined;
      for (const controller of controllers) {
        if (controller.desiredSize === null) continue;
        if (done) controller.close();
        else controller.enqueue(value);
      }
    };
    const branch = () =>
      new ReadableStream({
        start: (controller) => void controllers.push(controller),
        pull: () => (reading ??= readOnce()),
      });
    const branches: [ReadableStream, ReadableStream] = [branch(), branch()];
    reader.closed.catch((reason: unknown) => {
      for (const controller of controllers) controller.error(reason);
    });
    return branches;
  }

  async *values(): AsyncGenerator<unknown, undefined> {
    const reader = this.getReader();
    let isDone = false;
    try {
      while (!isDone) {
        const { done, value } = await reader.read();
        isDone = done;
        if (!done) yield value;
      }
      return undefined;
    } finally {
      if (!isDone) await reader.cancel();
      reader.releaseLock();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown, undefined> {
    return this.values();
  }

  static {
    queueOf = (stream) => stream.#queue;
    lock = (stream, reader) => {
      if (reader !== undefined && stream.#reader !== undefined)
        throw new TypeError("The stream has a reader already");
      stream.#reader = reader;
    };
  }
}

export function isDisturbed(stream: ReadableStream): boolean {
  return queueOf(stream).isDisturbed;
}
