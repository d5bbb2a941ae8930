import { Command, InvalidArgumentError, Option } from "commander";
import type { DefineCommand } from "../command.ts";

interface SearchOptions {
  readonly category?: string;
  readonly permission?: string;
  readonly price?: string;
  readonly sort?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly url?: string;
}

const FILTERS = ["category", "permission", "price", "sort", "limit", "cursor"] as const;

/** `search [words…]`: the marketplace's catalogue. */
export const searchCommand: DefineCommand = (run) =>
  new Command("search")
    .description("search the marketplace")
    .argument("[words...]", "what to look for; nothing lists everything")
    .option("--category <category>", "only this category")
    .option("--permission <code>", "only plugins with this permission; !code excludes it")
    .addOption(new Option("--price <kind>", "only plugins of this kind").choices(["free", "paid"]))
    .addOption(
      new Option("--sort <order>", "order of the results").choices([
        "relevance",
        "popular",
        "new",
        "updated",
      ]),
    )
    .option("--limit <count>", "results a page, 1 to 100", pageSize)
    .option("--cursor <cursor>", "continue after an earlier page")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, words: string[], options: SearchOptions) => {
        const { resolveTarget } = await import("../marketplace/credentials.ts");
        const { pageText, searchPlugins } = await import("../marketplace/catalogue.ts");
        const target = await resolveTarget(cli, options.url);
        const query = new URLSearchParams(words.length === 0 ? [] : [["q", words.join(" ")]]);
        for (const name of FILTERS) {
          const value = options[name];
          if (value !== undefined) query.set(name, String(value));
        }
        const page = await searchPlugins(
          { url: target.url, token: null, signal: cli.signal },
          query,
        );
        return { data: { ...page }, text: pageText(page) };
      }),
    );

function pageSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 100) return size;
  throw new InvalidArgumentError("It must be a whole number from 1 to 100.");
}
