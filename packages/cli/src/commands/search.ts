import { Command, InvalidArgumentError, Option } from "commander";
import type { DefineCommand } from "../command.ts";
import type { SearchOptions } from "../search/search.ts";

const SORTS = ["relevance", "popular", "trending", "new", "updated", "rating", "name"];

/** `search [words…]`: the marketplace's catalogue. */
export const searchCommand: DefineCommand = (run) =>
  new Command("search")
    .description("search the marketplace")
    .argument("[words...]", "what to look for; nothing lists everything")
    .option("--category <names>", "only plugins in one of these: a,b or repeated", list)
    .option(
      "--permission <codes>",
      "only plugins with all of these, like customers.view or customers; '!code' excludes it",
      list,
    )
    .option("--license <ids>", "only plugins under one of these, like MIT", list)
    .addOption(new Option("--price <kind>", "only plugins of this kind").choices(["free", "paid"]))
    .option("--host <version>", "only plugins that run on this Rising-BSM, like 2.1")
    .option("--verified", "only plugins of verified publishers")
    .addOption(
      new Option(
        "--sort <order>",
        "order of the results; relevance, or popular without words",
      ).choices(SORTS),
    )
    .option("--limit <count>", "results a page, 1 to 100 (default: 20)", pageSize)
    .option("--cursor <cursor>", "another page of the same search")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, words: string[], options: SearchOptions) => {
        const { search } = await import("../search/search.ts");
        return await search(cli, words, options);
      }),
    );

/** Values with commas between, and those of the same option before. */
function list(text: string, before: readonly string[] = []): readonly string[] {
  const values = text.split(",").map((value) => value.trim());
  if (values.includes("")) throw new InvalidArgumentError("It must not be empty.");
  return [...before, ...values];
}

function pageSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 100) return size;
  throw new InvalidArgumentError("It must be a whole number from 1 to 100.");
}
