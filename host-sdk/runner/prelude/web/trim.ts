/**
 * The text without these characters at its ends. An expression that looks for them at the end tries each
 * run of them in the text, from each of its characters on.
 */
export function trimmed(text: string, blank: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && blank.includes(text.charAt(start))) start += 1;
  while (end > start && blank.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
