import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Commands of one `sh` block of a page, and the lines of the `text` block after it, if there is one. */
export interface DocumentedBlock {
  readonly commands: readonly string[];
  readonly shown: readonly string[];
}

/** What a command printed, and how it ended. */
export interface Ran {
  readonly command: string;
  readonly code: number;
  readonly stdout: string;
  readonly output: string;
}

/** Heading → `sh` blocks below it, where there are any. */
export function readSections(page: string): Map<string, DocumentedBlock[]> {
  const sections = new Map<string, DocumentedBlock[]>();
  for (const part of page.split(/^##+ /m).slice(1)) {
    const heading = part.slice(0, part.indexOf("\n"));
    const blocks = [...part.matchAll(/^```(sh|text)\n(.*?)^```/gms)];
    const found = blocks.flatMap(([, kind, content = ""], index) => {
      if (kind !== "sh") return [];
      const [, next, shown = ""] = blocks[index + 1] ?? [];
      const lines = next === "text" ? shown.split("\n").filter(Boolean) : [];
      return [{ commands: commandsOf(content), shown: lines }];
    });
    if (found.length > 0) sections.set(heading, found);
  }
  return sections;
}

/** One command a line; one with a here-document ends with its last line. */
function commandsOf(block: string): string[] {
  const pattern = /^[^\n]*<<'(\w+)'[^\n]*\n.*?^\1$|^[^\n]+$/gms;
  return [...block.matchAll(pattern)].map(([command]) => command);
}

/** Where commands are typed. */
export interface Terminal {
  /** Working folder; programs in its `bin` stand in for others of that name. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What is typed while the command runs. */
  readonly answers: string;
}

/** Runs a line as a person types it, with the programs of the project at hand. */
export function typeCommand(
  line: string,
  { cwd, env, answers }: Terminal,
): Promise<Omit<Ran, "command">> {
  const PATH = `${join(cwd, "bin")}:${resolve("node_modules/.bin")}:${process.env["PATH"]}`;
  // A page starts the same programs again and again.
  const NODE_COMPILE_CACHE = join(tmpdir(), "rising-bsm-test-cache");
  const all = { ...process.env, NODE_COMPILE_CACHE, ...env, PATH };
  return new Promise((done, reject) => {
    const child = spawn("/bin/sh", ["-c", line], { cwd, env: all });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => done({ code: code ?? 1, stdout, output }));
    // A command that asks nothing has closed the pipe by then.
    child.stdin.on("error", () => undefined);
    child.stdin.end(answers);
  });
}

/** Runs a command; one that sets a variable sets it in `variables` for those after it. */
export async function typeStep(
  command: string,
  variables: Record<string, string>,
  type: (line: string, env: Readonly<Record<string, string>>) => Promise<Ran>,
): Promise<Ran> {
  const name = /^(?:export )?([A-Z_]+)=/.exec(command)?.[1];
  if (name === undefined) return type(command, variables);
  const ran = await type(`${command} && printf %s "$${name}"`, variables);
  variables[name] = ran.stdout;
  return ran;
}
