import { RbsmError } from "./errors.ts";

/** What an image says of itself, and its bytes without anything that is not needed to draw it. */
export interface CleanImage {
  readonly type: "png" | "jpeg" | "webp";
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A refusal that says what is wrong with the image. */
export function imageInvalid(problem: string): RbsmError {
  return new RbsmError("image_invalid", problem);
}

/** Throws `image_invalid` with the problem unless the condition holds. */
export function assertImage(condition: boolean, problem: string): asserts condition {
  if (!condition) throw imageInvalid(problem);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Four bytes as text, such as the name of a chunk. Bytes outside of ASCII never match a name. */
export function fourBytes(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
