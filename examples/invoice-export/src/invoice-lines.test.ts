import type { Appointment, Customer } from "@rising-bsm/plugin-sdk";
import { expect, test } from "vitest";
import { invoiceLines, toCsv } from "./invoice-lines.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const CUSTOMER: Customer = {
  id: 7,
  name: "Eva Kern",
  company: 'Kern "Bau"; Söhne',
  email: null,
  phone: null,
  address: "Tal 3",
  postalCode: "80331",
  city: "München",
  country: "Deutschland",
  vatNumber: "DE123456789",
  newsletter: false,
  status: "ACTIVE",
  type: "BUSINESS",
  createdAt: CREATED,
  updatedAt: CREATED,
};
const APPOINTMENT: Appointment = {
  id: 12,
  title: "=HYPERLINK(1)",
  customerId: 7,
  appointmentDate: "2026-09-30T08:00:00.000Z",
  duration: 50,
  location: null,
  description: null,
  status: "COMPLETED",
  createdBy: null,
  createdAt: CREATED,
  updatedAt: CREATED,
};
const RATES = { hourlyRate: 68, vatPercent: 19 };
const CUSTOMERS = new Map([[7, CUSTOMER]]);

test("invoiceLines() counts in exact cents", () => {
  expect(invoiceLines([APPOINTMENT], CUSTOMERS, RATES)).toMatchObject([
    {
      number: "2026-00012",
      date: "2026-09-30",
      address: "Tal 3, 80331 München",
      netCents: 5_667,
      vatCents: 1_077,
      grossCents: 6_744,
    },
  ]);
});

test("invoiceLines() leaves out what was not done or has no customer", () => {
  const others: Appointment[] = [
    { ...APPOINTMENT, status: "CANCELLED" },
    { ...APPOINTMENT, customerId: null },
    { ...APPOINTMENT, customerId: 8 },
  ];
  expect(invoiceLines(others, CUSTOMERS, RATES)).toEqual([]);
});

test("toCsv() quotes what needs it and lets no cell become a formula", () => {
  const csv = toCsv(invoiceLines([APPOINTMENT], CUSTOMERS, RATES), "plain");
  const [header, row, end] = csv.split("\r\n");
  expect(header).toBe("number;date;customer;address;vatNumber;text;hours;net;vat;gross");
  expect(row).toBe(
    `2026-00012;2026-09-30;"Kern ""Bau""; Söhne";Tal 3, 80331 München;DE123456789;'=HYPERLINK(1);0,83;56,67;10,77;67,44`,
  );
  expect(end).toBe("");
  const datev = toCsv(invoiceLines([APPOINTMENT], CUSTOMERS, RATES), "datev");
  expect(datev.split("\r\n")[0]).toBe("gross;number;date;customer;text");
});
