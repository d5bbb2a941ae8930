import { readSearchParams } from "../../workers/search/read-request.ts";
import { SAMPLE_NOW, seedCatalogue } from "../../workers/search/sample-catalogue.ts";
import { searchPlugins } from "../../workers/search/search-plugins.ts";
import { randomSecrets, startLocalWorker } from "./local-worker.ts";
import { spread, timings, type Figure, report } from "./measure.ts";

const PLUGINS = 10_000;

/** Name of the page, its query and the most rows that D1 may bill for it. */
const PAGES = [
  ["browse, first page", "", 60],
  [
    "browse, four filters",
    "category=finance&permission=customers.view&permission=!network&price=free",
    60,
  ],
  ["sorted by newest", "sort=new", 60],
  ["search, a word in most plugins", "q=plugin", 650],
  ["search, two words and filters", "q=invoice+manager&price=free", 650],
] as const;

/** Rows that D1 bills for a page at 10,000 plugins, and its time beside a read by primary key. */
async function searchRows(): Promise<Figure[]> {
  const { harness, marketplace } = await startLocalWorker(randomSecrets());
  const { SEARCH } = await marketplace.getEnv();
  await seedCatalogue(SEARCH, PLUGINS);
  let rows = 0;
  const search = {
    prepare: (sql: string) => ({
      bind: (...values: (string | number)[]) => ({
        all: async () => {
          const result = await SEARCH.prepare(sql)
            .bind(...values)
            .all();
          rows += result.meta.rows_read;
          return result;
        },
      }),
    }),
  };
  const context = { search, cursorSecret: new Uint8Array(32), now: SAMPLE_NOW };
  const byKey = await timings(() => SEARCH.prepare("SELECT name FROM docs WHERE id = 1").all(), 50);
  const figures: Figure[] = [];
  for (const [name, query, budget] of PAGES) {
    const request = readSearchParams(new URLSearchParams(query));
    rows = 0;
    await searchPlugins(context, request);
    const read = rows;
    const times = await timings(() => searchPlugins(context, request), 50);
    figures.push({
      name: `${name}, ${PLUGINS.toLocaleString("en-US")} plugins`,
      value: `${read} rows, ${spread(times)}`,
      baseline: `one row by key: ${spread(byKey)}`,
      ratio: `${((times[25] ?? 0) / (byKey[25] ?? 1)).toFixed(1)} ×`,
      goal: `≤ ${budget} rows`,
      met: read <= budget ? "yes" : "no",
    });
  }
  await harness.close();
  return figures;
}

report(await searchRows());
