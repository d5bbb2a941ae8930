/** An answer to a request for a file from one of its bytes on. */
export interface RangeAnswer {
  readonly status: number;
  readonly headers: Headers;
}

/** The file as a statement announced it, and the byte it was asked for from; 0 is the whole. */
export interface AskedRange {
  readonly size: number;
  readonly from: number;
}

/**
 * The first byte that the answer holds: `from`, or 0 where the range was ignored. Null when it is no
 * answer to this request: another range, another file's size, or a length that does not fit its range.
 */
export function firstByteOf({ status, headers }: RangeAnswer, asked: AskedRange): number | null {
  if (status === 200) return 0;
  // A range of a compressed body is no range of the file.
  if (status !== 206 || asked.from === 0 || headers.has("content-encoding")) return null;
  return fits(headers, asked) ? asked.from : null;
}

const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i;

function fits(headers: Headers, { from, size }: AskedRange): boolean {
  const range = CONTENT_RANGE.exec(headers.get("content-range") ?? "");
  if (range === null) return false;
  const [first, last] = [Number(range[1]), Number(range[2])];
  const announced = headers.get("content-length");
  if (range[3] !== "*" && Number(range[3]) !== size) return false;
  if (announced !== null && Number(announced) !== last - first + 1) return false;
  return first === from && last >= first && last < size;
}
