import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text as readText } from "node:stream/consumers";
import { RbsmError } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";

/** The token given on the command line; else one typed without echo, else the text on stdin. */
export async function readToken(cli: Cli, url: string, given: string | undefined): Promise<string> {
  return checkToken(given ?? (await askForToken(cli, url)));
}

async function askForToken(cli: Cli, url: string): Promise<string> {
  if (!process.stdin.isTTY) return await readText(process.stdin);
  const muted = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: muted, terminal: true });
  process.stderr.write(`Token for ${url}: `);
  try {
    return await prompt.question("", { signal: cli.signal });
  } finally {
    prompt.close();
    process.stderr.write("\n");
  }
}

function checkToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{8,512}$/.test(token)) return token;
  throw new RbsmError("usage", token === "" ? "a token is missing" : "that is no token", {
    fix: "pass --token TOKEN, or pipe it: rising-bsm login < token.txt",
  });
}
