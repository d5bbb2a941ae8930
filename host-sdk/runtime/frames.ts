/**
 * Frames between the supervisor and a runner child, over the child's fd 3:
 *
 *   u32 length | u8 type | u64 id | head | "\n" | body        (big endian, length counts from type)
 *
 * `head` is one line of JSON made by this project; `body` is JSON text that was made in an isolate
 * (or is meant for one) and is passed on unread.
 */
export interface Frame {
  readonly type: FrameType;
  /** Of the call; for file, load, unload, data and lost, of the load. */
  readonly id: number;
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Supervisor to runner below 64, runner to supervisor from 64. */
const TYPES = {
  load: 1,
  unload: 2,
  data: 3,
  call: 4,
  cancel: 5,
  hostResult: 6,
  hostRefusal: 7,
  ping: 8,
  file: 9,
  ready: 64,
  result: 65,
  failure: 66,
  hostCall: 67,
  log: 68,
  lost: 69,
  stopped: 70,
  dying: 71,
  pong: 72,
} as const;

export type FrameType = keyof typeof TYPES;

const NAMES = new Map<number, FrameType>();
for (const name of Object.keys(TYPES)) if (isFrameType(name)) NAMES.set(TYPES[name], name);

function isFrameType(name: string): name is FrameType {
  return Object.hasOwn(TYPES, name);
}

const LENGTH_BYTES = 4;
const FIXED_BYTES = 9;
const NEWLINE = 10;
/** An error with its stack; whoever reads a frame parses the head at once. */
const MAX_HEAD_BYTES = 128 * 1_024;
const U32 = 2 ** 32;

export function encodeFrame(frame: Frame): Buffer {
  const payload = `${JSON.stringify(frame.head)}\n${frame.body}`;
  const payloadBytes = Buffer.byteLength(payload);
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + FIXED_BYTES + payloadBytes);
  writeStart(bytes, frame, payloadBytes);
  bytes.write(payload, LENGTH_BYTES + FIXED_BYTES);
  return bytes;
}

/** All of a frame but its body, of which there are `bodyBytes` bytes of UTF-8 to follow. */
export function encodeFrameStart(frame: Omit<Frame, "body">, bodyBytes: number): Buffer {
  const head = Buffer.from(`${JSON.stringify(frame.head)}\n`);
  const start = Buffer.allocUnsafe(LENGTH_BYTES + FIXED_BYTES);
  writeStart(start, frame, head.length + bodyBytes);
  return Buffer.concat([start, head]);
}

function writeStart(bytes: Buffer, { type, id }: Omit<Frame, "body">, payloadBytes: number): void {
  bytes.writeUInt32BE(FIXED_BYTES + payloadBytes, 0);
  bytes.writeUInt8(TYPES[type], 4);
  bytes.writeUInt32BE(Math.floor(id / U32), 5);
  bytes.writeUInt32BE(id % U32, 9);
}

/**
 * Returns a function that takes bytes as they arrive and gives back the frames that are complete.
 * The chunk may be used again afterwards. It throws on a frame over `maxBytes` or one that is
 * malformed: then the other side is broken.
 */
export function createFrameReader(maxBytes: number): (chunk: Buffer) => Frame[] {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let needed = LENGTH_BYTES;
  return (chunk) => {
    let bytes = chunk;
    if (pendingBytes > 0) {
      pending.push(Buffer.from(chunk));
      pendingBytes += chunk.length;
      if (pendingBytes < needed) return [];
      bytes = Buffer.concat(pending, pendingBytes);
    }
    const frames: Frame[] = [];
    for (;;) {
      needed =
        bytes.length < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + frameLength(bytes, maxBytes);
      if (bytes.length < needed) break;
      frames.push(decodeFrame(bytes.subarray(LENGTH_BYTES, needed)));
      bytes = bytes.subarray(needed);
    }
    pending = bytes.length === 0 ? [] : [Buffer.from(bytes)];
    pendingBytes = bytes.length;
    return frames;
  };
}

function frameLength(bytes: Buffer, maxBytes: number): number {
  const length = bytes.readUInt32BE(0);
  if (length < FIXED_BYTES || length > maxBytes) throw new Error(`A frame of ${length} bytes`);
  return length;
}

function decodeFrame(bytes: Buffer): Frame {
  const type = NAMES.get(bytes.readUInt8(0));
  const headEnd = bytes.indexOf(NEWLINE, FIXED_BYTES);
  if (type === undefined || headEnd === -1 || headEnd > MAX_HEAD_BYTES)
    throw new Error("A malformed frame");
  const head: unknown = JSON.parse(bytes.toString("utf8", FIXED_BYTES, headEnd));
  return {
    type,
    id: bytes.readUInt32BE(1) * U32 + bytes.readUInt32BE(5),
    head: typeof head === "object" && head !== null ? { ...head } : {},
    body: bytes.toString("utf8", headEnd + 1),
  };
}
