/** What to answer for one representation: RFC 9110 §13 (conditions) and §14 (ranges). */
export type Delivery =
  | { readonly status: 200 | 304 }
  | { readonly status: 416 }
  | { readonly status: 206; readonly offset: number; readonly length: number };

export interface Representation {
  /** Strong entity tag with its quotes. */
  readonly etag: string;
  readonly size: number;
}

/** Decides from the request's headers alone. Several ranges at once are answered with the whole. */
export function decideDelivery(request: Request, { etag, size }: Representation): Delivery {
  if (isNotModified(request, etag)) return { status: 304 };
  const range = request.headers.get("range");
  if (request.method !== "GET" || range === null) return { status: 200 };
  const ifRange = request.headers.get("if-range");
  if (ifRange !== null && ifRange.trim() !== etag) return { status: 200 };
  return decideRange(range, size);
}

/** Whether the caller has it already. If-None-Match compares weakly: `W/"x"` names the same bytes as `"x"`. */
export function isNotModified({ headers }: Request, etag: string): boolean {
  const tags = headers.get("if-none-match")?.split(",") ?? [];
  return tags
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === etag);
}

/** Whether the answer can be found without knowing the object first. */
export function isPlainGet(request: Request): boolean {
  return (
    request.method === "GET" &&
    !request.headers.has("range") &&
    !request.headers.has("if-none-match")
  );
}

function decideRange(header: string, size: number): Delivery {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i.exec(header.trim());
  if (match === null) return { status: 200 };
  const [, first, last = String(size - 1), suffix] = match;
  if (first === undefined) return section(Math.max(0, size - Number(suffix)), size - 1, size);
  if (Number(last) < Number(first) && match[2] !== undefined) return { status: 200 };
  return section(Number(first), Number(last), size);
}

function section(start: number, end: number, size: number): Delivery {
  if (start >= size) return { status: 416 };
  return { status: 206, offset: start, length: Math.min(end, size - 1) - start + 1 };
}
