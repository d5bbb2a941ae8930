const FIELDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/**
 * Whether the text is a cron expression of five fields (minute, hour, day, month, weekday), each a
 * list of `*`, `n` or `n-m`, optionally `/step`.
 */
export function isCron(text: string): boolean {
  const fields = text.split(" ");
  return (
    fields.length === FIELDS.length &&
    FIELDS.every(([low, high], i) =>
      String(fields[i])
        .split(",")
        .every((part) => isCronPart(part, low, high)),
    )
  );
}

function isCronPart(part: string, low: number, high: number): boolean {
  const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/([1-9]\d?))?$/.exec(part);
  if (match === null) return false;
  const from = Number(match[1] ?? low);
  const to = Number(match[2] ?? match[1] ?? high);
  return low <= from && from <= to && to <= high;
}
