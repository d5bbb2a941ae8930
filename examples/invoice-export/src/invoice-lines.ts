import type { Appointment, Customer } from "@rising-bsm/plugin-sdk";

/** What the business charges. */
export interface Rates {
  readonly hourlyRate: number;
  readonly vatPercent: number;
}

/** One line of an invoice; amounts in cents, so that sums are exact. */
export type InvoiceLine = {
  number: string;
  date: string;
  customer: string;
  address: string;
  vatNumber: string;
  text: string;
  hours: number;
  netCents: number;
  vatCents: number;
  grossCents: number;
};

const DATE_LENGTH = 10;

/** Lines for the completed appointments that have a customer, in the order of their dates. */
export function invoiceLines(
  appointments: readonly Appointment[],
  customers: ReadonlyMap<number, Customer>,
  rates: Rates,
): InvoiceLine[] {
  return appointments.flatMap((appointment): InvoiceLine[] => {
    const customer = customers.get(appointment.customerId ?? 0);
    if (appointment.status !== "COMPLETED" || customer === undefined) return [];
    return [invoiceLine(appointment, customer, rates)];
  });
}

function invoiceLine(appointment: Appointment, customer: Customer, rates: Rates): InvoiceLine {
  const hours = appointment.duration / 60;
  const netCents = Math.round(hours * rates.hourlyRate * 100);
  const vatCents = Math.round((netCents * rates.vatPercent) / 100);
  const date = appointment.appointmentDate.slice(0, DATE_LENGTH);
  return {
    number: `${date.slice(0, 4)}-${String(appointment.id).padStart(5, "0")}`,
    date,
    customer: customer.company ?? customer.name,
    address: [customer.address, `${customer.postalCode ?? ""} ${customer.city ?? ""}`.trim()]
      .filter(Boolean)
      .join(", "),
    vatNumber: customer.vatNumber ?? "",
    text: appointment.title,
    hours,
    netCents,
    vatCents,
    grossCents: netCents + vatCents,
  };
}

const COLUMNS = [
  "number",
  "date",
  "customer",
  "address",
  "vatNumber",
  "text",
  "hours",
  "netCents",
  "vatCents",
  "grossCents",
] as const;
const DATEV_COLUMNS = ["grossCents", "number", "date", "customer", "text"] as const;

/** Lines as CSV that a German spreadsheet opens: semicolons, decimal commas, CRLF. */
export function toCsv(lines: readonly InvoiceLine[], layout: "plain" | "datev"): string {
  const columns = layout === "datev" ? DATEV_COLUMNS : COLUMNS;
  const header = columns.map((column) => column.replace("Cents", ""));
  const rows = lines.map((line) => columns.map((column) => cell(line[column], column)));
  return [header, ...rows].map((row) => `${row.join(";")}\r\n`).join("");
}

function cell(value: string | number, column: string): string {
  if (typeof value === "number") {
    return (column.endsWith("Cents") ? value / 100 : value).toFixed(2).replace(".", ",");
  }
  // A leading =, +, - or @ would be a formula to the spreadsheet that opens the file.
  const text = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[";\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
