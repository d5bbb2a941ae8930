import { Command, InvalidArgumentError } from "commander";
import type { Json } from "@rising-bsm/protocol";
import type { DefineCommand } from "../command.ts";
import { jsonArray } from "./json-array.ts";

interface RunOptions {
  readonly call: string;
  readonly args: Json[];
  readonly grant: string;
  readonly with?: string[];
  readonly deadline?: number;
  readonly memory?: number;
}

/** `run DIR|FILE --call METHOD`: one call in the production sandbox, against a simulated host. */
export const runCommand: DefineCommand = (run) =>
  new Command("run")
    .description("call a plugin's method in the sandbox, against a simulated Rising-BSM")
    .argument("<source>", "a plugin folder or a .rbsm file; needs no signature")
    .requiredOption("-c, --call <method>", "the method to call")
    .option("-a, --args <json>", "its arguments, a JSON array", jsonArray, [])
    .option("-g, --grant <codes>", "requested, none, or permissions: a,b", "requested")
    .option("-w, --with <source...>", "plugins it depends on: folders or .rbsm files")
    .option("--deadline <ms>", "wall time limit of the call in milliseconds", positive)
    .option("--memory <mb>", "memory limit of the plugin in MiB", positive)
    .action(
      run(async (cli, source: string, options: RunOptions) => {
        const { runPlugin } = await import("../run/run-plugin.ts");
        const { runReport, sideText } = await import("../run/run-report.ts");
        const outcome = await runPlugin(cli, {
          source,
          others: options.with ?? [],
          method: options.call,
          args: options.args,
          grant: options.grant,
          deadlineMs: options.deadline,
          memoryMb: options.memory,
        });
        if (!cli.json) cli.note(sideText(outcome));
        return runReport(outcome);
      }),
    );

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It must be a whole number above 0.");
}
