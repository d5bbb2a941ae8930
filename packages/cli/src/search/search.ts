import { pluginPageSchema } from "@rising-bsm/protocol";
import type { Cli } from "../command.ts";
import { resolveTarget } from "../marketplace/credentials.ts";
import { request } from "../marketplace/request.ts";
import type { Report } from "../report.ts";
import { checkCategory, checkPermission } from "./check-filters.ts";
import { pageText } from "./page-text.ts";
import type { Param } from "./search-line.ts";

export interface SearchOptions {
  readonly category?: readonly string[];
  readonly permission?: readonly string[];
  readonly license?: readonly string[];
  readonly price?: string;
  readonly host?: string;
  readonly verified?: true;
  readonly sort?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly url?: string;
}

/** Options that are parameters of the API, under the same names. */
const PARAMS = [
  "category",
  "permission",
  "license",
  "price",
  "host",
  "verified",
  "sort",
  "limit",
  "cursor",
] as const;

/** One page of the catalogue. */
export async function search(
  cli: Cli,
  words: readonly string[],
  options: SearchOptions,
): Promise<Report> {
  options.category?.forEach(checkCategory);
  options.permission?.forEach(checkPermission);
  const { url } = await resolveTarget(cli, options.url);
  const params = PARAMS.flatMap((name) => paramsOf(name, options[name]));
  const text: readonly Param[] = words.length === 0 ? [] : [["q", words.join(" ")]];
  const query = new URLSearchParams([...text, ...params]);
  const path = `/v1/plugins${query.size === 0 ? "" : `?${query.toString()}`}`;
  const { value: page } = await request(
    { url, token: null, signal: cli.signal },
    { method: "GET", path, answer: pluginPageSchema },
  );
  const typed = { words, params: [...params, ...paramsOf("url", options.url)] };
  return { data: { ...page }, text: pageText(page, typed) };
}

type Value = string | number | true | readonly string[] | undefined;

function paramsOf(name: string, value: Value): Param[] {
  return [value ?? []].flat().map((each) => [name, String(each)]);
}
