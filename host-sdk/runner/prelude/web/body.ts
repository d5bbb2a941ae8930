import { FormData } from "./form-data.ts";
import { URLSearchParams } from "./url.ts";
import { bytesOf, decodeUtf8, encodeUtf8 } from "./text-encoding.ts";

/**
 * The body of a Request or Response: always whole in memory. Text stays text until somebody asks
 * for bytes, because most bodies are text and encoding it in plain JavaScript is the slow part.
 */
export type BodyContent = string | Uint8Array | null;

/** Content that was not read yet; throws when it was. */
export let contentOf: (body: Body) => BodyContent;
/** Marks the content as read. */
export let empty: (body: Body) => void;

export class Body {
  #content: BodyContent;
  #used = false;

  constructor(content: BodyContent) {
    this.#content = content;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async text(): Promise<string> {
    const content = this.#take();
    return typeof content === "string" ? content.toWellFormed() : decodeUtf8(content);
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const content = this.#take();
    return typeof content === "string" ? encodeUtf8(content) : new Uint8Array(content);
  }

  async formData(): Promise<FormData> {
    const type = contentTypeOf(this);
    if (!type.startsWith("application/x-www-form-urlencoded"))
      throw new TypeError(`The body is not a form but "${type}"`);
    const form = new FormData();
    for (const [name, value] of new URLSearchParams(await this.text())) form.append(name, value);
    return form;
  }

  #take(): string | Uint8Array {
    if (this.#used) throw new TypeError("The body was read already");
    this.#used = this.#content !== null;
    return this.#content ?? "";
  }

  static {
    contentOf = (body) => {
      if (body.#used) throw new TypeError("The body was read already");
      return body.#content;
    };
    empty = (body) => {
      body.#used = body.#content !== null;
    };
  }
}

function contentTypeOf(body: object): string {
  return (
    ("headers" in body &&
      typeof body.headers === "object" &&
      Object(body.headers).get("content-type")) ||
    ""
  );
}

/** A body as an author writes it, with the content type that it implies. */
export function extractBody(init: unknown): { content: BodyContent; type: string | null } {
  if (init === undefined || init === null) return { content: null, type: null };
  if (init instanceof URLSearchParams || init instanceof FormData) {
    return {
      content: new URLSearchParams(init).toString(),
      type: "application/x-www-form-urlencoded;charset=UTF-8",
    };
  }
  if (init instanceof ArrayBuffer || ArrayBuffer.isView(init))
    return { content: bytesOf(init).slice(), type: null };
  return { content: stringOf(init), type: "text/plain;charset=UTF-8" };
}

function stringOf(value: unknown): string {
  return String(value);
}
