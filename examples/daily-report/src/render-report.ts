/** What a report says. */
export type Report = {
  date: string;
  visits: { start: string; title: string; customer: string | null }[];
  overlaps: number;
  duplicates: { names: string[] }[];
  openRequests: number;
};

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** The report as a page. Names of customers come from outside: everything is escaped. */
export function renderReport(report: Report): string {
  const visits = report.visits.map(
    ({ start, title, customer }) =>
      `${start.slice(11, 16)} ${title}${customer ? ` (${customer})` : ""}`,
  );
  const duplicates = report.duplicates.map(({ names }) => names.join(" = "));
  return `<!doctype html>
<html lang="de">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tagesbericht ${escape(report.date)}</title>
<style>body{font:16px/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}</style>
<h1>Tagesbericht ${escape(report.date)}</h1>
<p>Offene Anfragen / open requests: <strong>${report.openRequests}</strong></p>
<h2>Termine / appointments</h2>
${renderList(visits)}
<p>Zu knapp / too close: ${report.overlaps}</p>
<h2>Doppelte Kunden / duplicates</h2>
${renderList(duplicates)}
</html>
`;
}

function renderList(lines: readonly string[]): string {
  if (lines.length === 0) return "<p>–</p>";
  return `<ul>${lines.map((line) => `<li>${escape(line)}</li>`).join("")}</ul>`;
}
