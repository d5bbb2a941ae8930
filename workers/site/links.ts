import type { Language } from "./language.ts";

/** A link inside the site; it keeps a language that was chosen in the URL. */
export function siteLink(
  path: string,
  {
    language,
    params = [],
  }: { language: Language; params?: readonly (readonly [string, string])[] },
): string {
  const query = new URLSearchParams(params.map(([name, value]): [string, string] => [name, value]));
  if (language.chosen) query.set("lang", language.locale);
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

export function pluginLink(name: string, language: Language): string {
  return siteLink(`/plugins/${name}`, { language });
}
