import { RbsmError } from "@rising-bsm/protocol";

/** A row of `changes`: its number, and the mark that another row of that number would not have. */
export interface Position {
  readonly id: number;
  readonly mark: string;
}

/** Before the first change. */
const BEGINNING = "0";

/** The position after which the caller goes on; null is the beginning. Throws `cursor_invalid`. */
export function readChangeCursor(cursor: string | undefined): Position | null {
  if (cursor === undefined || cursor === BEGINNING) return null;
  const [, id, mark] = /^([1-9]\d{0,14})-([0-9a-f]{12})$/.exec(cursor) ?? [];
  if (id === undefined || mark === undefined) throw new RbsmError("cursor_invalid");
  return { id: Number(id), mark };
}

export function writeChangeCursor(position: Position | null): string {
  return position === null ? BEGINNING : `${position.id}-${position.mark}`;
}
