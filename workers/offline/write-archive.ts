import { TAR_END, tarHeader, tarPadding } from "@rising-bsm/protocol";
import type { Bindings } from "../env.ts";
import { missing } from "./shown-files.ts";
import type { AnswerFile } from "./shown-files.ts";

/**
 * The archive, made while it is read: of a bundle there is never more in memory than a chunk. A
 * reader sees by the missing end that it broke off.
 */
export function writeArchive(
  buckets: Pick<Bindings, "BUNDLES" | "PRIVATE">,
  files: readonly AnswerFile[],
): ReadableStream<Uint8Array> {
  const parts = archive(buckets, files);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await parts.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await parts.return(undefined);
    },
  });
}

async function* archive(
  buckets: Pick<Bindings, "BUNDLES" | "PRIVATE">,
  files: readonly AnswerFile[],
): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    const { size, chunks } = await open(buckets, file);
    yield tarHeader({ path: file.path, size });
    yield* chunks;
    if (tarPadding(size).length > 0) yield tarPadding(size);
  }
  yield TAR_END;
}

interface OpenFile {
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

async function open(
  { BUNDLES, PRIVATE }: Pick<Bindings, "BUNDLES" | "PRIVATE">,
  { path, bytes }: AnswerFile,
): Promise<OpenFile> {
  if (bytes !== undefined) return { size: bytes.length, chunks: [bytes] };
  const object = (await BUNDLES.get(path)) ?? (await PRIVATE.get(path));
  if (object === null) throw missing(path);
  return { size: object.size, chunks: object.body };
}
