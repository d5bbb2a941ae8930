import { localText } from "@rising-bsm/protocol";
import { Command, InvalidArgumentError } from "commander";
import type { DefineCommand } from "../command.ts";
import { table } from "../table.ts";

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
    .option("--price <kind>", "only free or paid plugins")
    .option("--sort <order>", "the order of the results")
    .option("--limit <count>", "results a page, 1 to 100", pageSize)
    .option("--cursor <cursor>", "continue after an earlier page")
    .option("--url <url>", "the marketplace")
    .action(
      run(async (cli, words: string[], options: SearchOptions) => {
        const { resolveTarget } = await import("../marketplace/credentials.ts");
        const { searchPlugins } = await import("../marketplace/catalogue.ts");
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
        const rows = page.items.map((item) => [
          item.name,
          item.version,
          priceText(item.price),
          localText(item.description ?? "", "en"),
        ]);
        const nothing = `nothing found${page.didYouMean ? `; did you mean "${page.didYouMean}"?` : ""}`;
        const more = page.nextCursor === null ? [] : [`more: --cursor ${page.nextCursor}`];
        return {
          data: { ...page },
          text:
            rows.length === 0
              ? nothing
              : [table(["NAME", "VERSION", "PRICE", "DESCRIPTION"], rows), ...more].join("\n"),
        };
      }),
    );

function pageSize(text: string): number {
  const size = Number(text);
  if (Number.isInteger(size) && size >= 1 && size <= 100) return size;
  throw new InvalidArgumentError("It must be a whole number from 1 to 100.");
}
