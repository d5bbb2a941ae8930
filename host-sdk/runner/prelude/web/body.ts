import { limits } from "../port.ts";
import { codedError } from "../errors.ts";
import { Blob, blobBytes } from "./blob.ts";
import { bytesOf, concatenated } from "./bytes.ts";
import { FormData } from "./form-data.ts";
import { encodeMultipart, parseMultipart } from "./multipart.ts";
import { isDisturbed, ReadableStream } from "./readable-stream.ts";
import { decodeBytes } from "./text-encoding.ts";
import { URLSearchParams } from "./url-search-params.ts";
import { encodeUtf8 } from "./utf8.ts";
import { domString } from "./web-idl.ts";

/**
 * The body of a Request or Response. Text stays text until somebody asks for bytes, because most
 * bodies are text and turning it into bytes is the slow part. Only a stream of the plugin's own is
 * one; any other content is whole in memory.
 */
export type BodyContent = string | Uint8Array<ArrayBuffer> | ReadableStream | null;
type WholeContent = string | Uint8Array<ArrayBuffer>;

/** Takes the content, which is read from then on. */
export let takeContent: (body: Body) => BodyContent;
/** The content for a second body; throws when it was read. */
export let shareContent: (body: Body) => BodyContent;

/** Streams that only show what is in memory: who gets the stream gets that. */
const shown = new WeakMap<ReadableStream, WholeContent>();

export class Body {
  #content: BodyContent;
  #stream: ReadableStream | undefined;
  #isUsed = false;

  constructor(content: BodyContent) {
    this.#content = content;
    if (content instanceof ReadableStream) this.#stream = content;
  }

  get body(): ReadableStream | null {
    if (this.#content === null) return null;
    this.#stream ??= streamOf(this.#content);
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#isUsed || (this.#stream !== undefined && isDisturbed(this.#stream));
  }

  async text(): Promise<string> {
    const content = await this.#whole();
    return typeof content === "string"
      ? content.toWellFormed()
      : decodeBytes(content, { ignoreBOM: false });
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const content = await this.#whole();
    return typeof content === "string" ? encodeUtf8(content) : content.slice();
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: contentTypeOf(this) });
  }

  async formData(): Promise<FormData> {
    const type = contentTypeOf(this);
    const [essence = ""] = type.split(";");
    if (essence.trim().toLowerCase() === "multipart/form-data")
      return parseMultipart(await this.bytes(), boundaryOf(type));
    if (essence.trim().toLowerCase() !== "application/x-www-form-urlencoded")
      throw new TypeError(`The body is not a form but "${type}"`);
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(`&${await this.text()}`))
      form.append(name, value);
    return form;
  }

  async #whole(): Promise<WholeContent> {
    return (await gather(takeContent(this))) ?? "";
  }

  #checkUnused(): void {
    if (this.bodyUsed || this.#stream?.locked === true)
      throw new TypeError("The body was read already");
  }

  static {
    takeContent = (body) => {
      body.#checkUnused();
      body.#isUsed = body.#content !== null;
      // Whoever holds the stream that shows the content finds it read.
      if (body.#stream !== undefined && body.#stream !== body.#content) body.#stream.getReader();
      return body.#content;
    };
    shareContent = (body) => {
      body.#checkUnused();
      if (!(body.#content instanceof ReadableStream)) return body.#content;
      const [own, other] = body.#content.tee();
      body.#content = own;
      body.#stream = own;
      return other;
    };
  }
}

function streamOf(content: WholeContent | ReadableStream): ReadableStream {
  if (content instanceof ReadableStream) return content;
  const stream = new ReadableStream(
    {
      pull(controller) {
        const bytes = typeof content === "string" ? encodeUtf8(content) : content.slice();
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  shown.set(stream, content);
  return stream;
}

/** Content as a whole: the chunks of a stream are read up to what one message may carry. */
export async function gather(content: BodyContent): Promise<WholeContent | null> {
  if (!(content instanceof ReadableStream)) return content;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("A body is made of Uint8Array chunks");
    size += chunk.length;
    if (size > limits.messageBytes)
      throw codedError("limit_payload", `The body is larger than ${limits.messageBytes} bytes`);
    chunks.push(chunk);
  }
  return concatenated(chunks);
}

function contentTypeOf(body: object): string {
  const headers: unknown = Reflect.get(body, "headers");
  return String(Object(headers).get("content-type") ?? "");
}

function boundaryOf(type: string): string {
  const [, quoted, token] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(type) ?? [];
  const boundary = quoted ?? token;
  if (boundary === undefined) throw new TypeError("The form has no boundary");
  return boundary;
}

interface Extracted {
  readonly content: BodyContent;
  readonly type: string | null;
}

/** A body as an author writes it, with the content type that it implies. */
export function extractBody(init: unknown): Extracted {
  if (init === undefined || init === null) return { content: null, type: null };
  if (init instanceof ReadableStream) return { content: contentOfStream(init), type: null };
  if (init instanceof Blob) return { content: blobBytes(init), type: init.type || null };
  if (init instanceof FormData) {
    const { bytes, boundary } = encodeMultipart(init);
    return { content: bytes, type: `multipart/form-data; boundary=${boundary}` };
  }
  if (init instanceof URLSearchParams)
    return {
      content: init.toString(),
      type: "application/x-www-form-urlencoded;charset=UTF-8",
    };
  if (init instanceof ArrayBuffer || ArrayBuffer.isView(init))
    return { content: concatenated([bytesOf(init)]), type: null };
  return { content: domString(init), type: "text/plain;charset=UTF-8" };
}

function contentOfStream(stream: ReadableStream): BodyContent {
  if (stream.locked || isDisturbed(stream))
    throw new TypeError("The stream is locked or was read already");
  const content = shown.get(stream);
  if (content === undefined) return stream;
  stream.getReader();
  return content;
}
