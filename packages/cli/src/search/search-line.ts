import { plainText } from "../plain-text.ts";

/** An option of a search and its value, or a parameter of the API. */
export type Param = [name: string, value: string];

/** A search as a person types it. */
export interface Typed {
  readonly words: readonly string[];
  readonly params: readonly Param[];
}

/** The command line of a search, fit to be copied into a shell whatever a marketplace put into it. */
export function searchLine({ words, params }: Typed): string {
  const options = params.flatMap(optionWords);
  const parts = words.some((word) => word.startsWith("-"))
    ? [...options, "--", ...words]
    : [...words, ...options];
  return ["rising-bsm search", ...parts.map(quoted)].join(" ");
}

/** A filter as it is typed: `--permission '!customers'`. */
export function optionText(param: Param): string {
  return optionWords(param).map(quoted).join(" ");
}

function optionWords([name, value]: Param): string[] {
  return name === "verified" ? ["--verified"] : [`--${name}`, value];
}

function quoted(word: string): string {
  const plain = plainText(word);
  return /^[\w@%+:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", String.raw`'\''`)}'`;
}
