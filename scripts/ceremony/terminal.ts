import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { RbsmError } from "@rising-bsm/protocol";

/** What a command says: lines for people, the same as data for programs. */
export interface Answer {
  readonly ok: boolean;
  readonly lines: readonly string[];
  readonly data: Readonly<Record<string, unknown>>;
}

/** Where a ceremony talks to whoever holds it, on stderr: stdout is for answers. */
export interface Terminal {
  show(lines: readonly string[]): void;
  /** One line from the terminal, or from a pipe; `hidden` shows nothing of what is typed. */
  ask(question: string, options?: { readonly hidden?: boolean }): Promise<string>;
  close(): void;
}

/** The terminal of this process. */
export function openTerminal(): Terminal {
  let isMuted = false;
  let input: ReturnType<typeof openLines> | undefined;
  const output = new Writable({
    write(chunk, _encoding, done) {
      if (!isMuted) process.stderr.write(chunk);
      done();
    },
  });
  return {
    show: (lines) => void process.stderr.write(`${lines.join("\n")}\n`),
    async ask(question, { hidden = false } = {}) {
      input ??= openLines(output);
      process.stderr.write(`${question} `);
      isMuted = hidden;
      const line = await input.next();
      isMuted = false;
      if (hidden) process.stderr.write("\n");
      if (line.done !== true) return line.value;
      throw new RbsmError("cancelled", "There was no answer", {
        fix: "answer in the terminal; scripts pass --yes and keys without a passphrase",
      });
    },
    close: () => input?.close(),
  };
}

/** One reader for all questions: a second one would lose what the first had read ahead. */
function openLines(output: Writable) {
  const isTerminal = process.stdin.isTTY;
  const reader = createInterface({ input: process.stdin, output, terminal: isTerminal });
  reader.on("SIGINT", () => process.exit(130));
  const lines = reader[Symbol.asyncIterator]();
  return { next: () => lines.next(), close: () => reader.close() };
}
