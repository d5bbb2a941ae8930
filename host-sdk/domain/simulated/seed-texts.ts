type Language = "de" | "en";

export interface Person {
  readonly name: string;
  readonly language: Language;
  readonly company?: string;
  readonly type: "PRIVATE" | "BUSINESS" | "GOVERNMENT" | "NON_PROFIT";
}

export const PEOPLE: readonly Person[] = [
  { name: "Anneliese Schröder", language: "de", type: "PRIVATE" },
  { name: "Bäckerei Hölzl", language: "de", company: "Bäckerei Hölzl GmbH", type: "BUSINESS" },
  { name: "Claire Dubois", language: "en", type: "PRIVATE" },
  { name: "Daniel Okafor", language: "en", company: "Okafor Property Ltd", type: "BUSINESS" },
  { name: "Elif Yıldız", language: "de", type: "PRIVATE" },
  { name: "Friedrich Großmann", language: "de", type: "PRIVATE" },
  {
    name: "Gemeinde Sankt Veit",
    language: "de",
    company: "Marktgemeinde Sankt Veit",
    type: "GOVERNMENT",
  },
  { name: "Hannah Whitfield", language: "en", company: "Whitfield & Sons", type: "BUSINESS" },
  { name: "Igor Petrović", language: "de", type: "PRIVATE" },
  { name: "Jürgen Müller", language: "de", company: "Müller Hausverwaltung KG", type: "BUSINESS" },
  { name: "Kathrin Österreicher", language: "de", type: "PRIVATE" },
  { name: "Liam Gallagher-Byrne", language: "en", type: "PRIVATE" },
  { name: "Margarete Weiß", language: "de", type: "PRIVATE" },
  { name: "Noah Sinclair", language: "en", company: "Sinclair Dental Practice", type: "BUSINESS" },
  {
    name: "Olivia Hartmann",
    language: "de",
    company: "Tierschutzverein Grünau e.V.",
    type: "NON_PROFIT",
  },
  { name: "Priya Raman", language: "en", type: "PRIVATE" },
  { name: "Quirin Bachmair", language: "de", company: "Bachmair Bräu OHG", type: "BUSINESS" },
  { name: "Rosa Fernández", language: "en", type: "PRIVATE" },
  { name: "Stefan Köhler", language: "de", type: "PRIVATE" },
];

export interface Place {
  readonly postalCode: string;
  readonly city: string;
  readonly country: string;
  readonly phone: string;
  readonly streets: readonly [string, ...string[]];
}

export const PLACES: Readonly<Record<Language, readonly [Place, ...Place[]]>> = {
  de: [
    {
      postalCode: "80331",
      city: "München",
      country: "Deutschland",
      phone: "+49 89",
      streets: ["Sendlinger Straße", "Tal"],
    },
    {
      postalCode: "1070",
      city: "Wien",
      country: "Österreich",
      phone: "+43 1",
      streets: ["Neubaugasse", "Lindengasse"],
    },
    {
      postalCode: "50667",
      city: "Köln",
      country: "Deutschland",
      phone: "+49 221",
      streets: ["Breite Straße", "Am Hof"],
    },
    {
      postalCode: "04109",
      city: "Leipzig",
      country: "Deutschland",
      phone: "+49 341",
      streets: ["Grimmaische Straße"],
    },
  ],
  en: [
    {
      postalCode: "BS1 4ST",
      city: "Bristol",
      country: "United Kingdom",
      phone: "+44 117",
      streets: ["Queen Square", "Park Street"],
    },
    {
      postalCode: "D02 X285",
      city: "Dublin",
      country: "Ireland",
      phone: "+353 1",
      streets: ["Baggot Street"],
    },
  ],
};

interface Service {
  readonly name: string;
  readonly title: string;
  readonly minutes: number;
}

export const SERVICES: Readonly<Record<Language, readonly [Service, ...Service[]]>> = {
  de: [
    { name: "Heizungswartung", title: "Jährliche Wartung der Gastherme", minutes: 90 },
    { name: "Gebäudereinigung", title: "Grundreinigung Büro", minutes: 180 },
    { name: "Elektroinstallation", title: "Prüfung des Sicherungskastens", minutes: 60 },
    { name: "Beratung", title: "Erstgespräch Badsanierung", minutes: 45 },
  ],
  en: [
    { name: "Window cleaning", title: "Quarterly window cleaning", minutes: 120 },
    { name: "Plumbing", title: "Leak under the kitchen sink", minutes: 60 },
    { name: "Consultation", title: "Quote for a new bathroom", minutes: 45 },
  ],
};

export const REQUESTS: readonly {
  readonly name: string;
  readonly email: string;
  readonly service: string;
  readonly message: string;
  readonly source: string;
}[] = [
  {
    name: "Theresa Lindner",
    email: "t.lindner@example.org",
    service: "Heizungswartung",
    message:
      "Unsere Therme heizt seit gestern Abend nicht mehr. Können Sie dringend jemanden schicken? Wir haben ein Baby im Haus.",
    source: "form",
  },
  {
    name: "Oliver Grant",
    email: "oliver.grant@example.com",
    service: "Plumbing",
    message: "There is water coming through the ceiling! Please call me back as soon as possible.",
    source: "call-agent",
  },
  {
    name: "Ursula Brandl",
    email: "brandl@example.at",
    service: "Gebäudereinigung",
    message:
      "Wir suchen ab November eine Reinigung für unsere Arztpraxis, zweimal die Woche, ca. 140 m². Was würde das kosten?",
    source: "form",
  },
  {
    name: "Sam Whitaker",
    email: "sam@example.ie",
    service: "Consultation",
    message: "We'd like a quote for refitting two bathrooms next spring. No hurry.",
    source: "email",
  },
  {
    name: "Hakan Demir",
    email: "h.demir@example.de",
    service: "Elektroinstallation",
    message: "Im Altbau fliegt immer wieder die Sicherung raus. Termin gern ab 17 Uhr.",
    source: "chatbot",
  },
  {
    name: "Kathrin Österreicher",
    email: "k.oesterreicher@example.com",
    service: "Beratung",
    message:
      "Ich bin schon Kundin bei Ihnen und hätte gern ein Angebot für ein barrierefreies Bad.",
    source: "email",
  },
  {
    name: "Grace Mbeki",
    email: "grace.mbeki@example.com",
    service: "Window cleaning",
    message: "How much for 22 windows on the third floor? We need an invoice to our company.",
    source: "form",
  },
  {
    name: "Rainer Zufall",
    email: "rainer@example.org",
    service: "Beratung",
    message:
      "SEO-Paket zum Sonderpreis!!! Jetzt Ihre Website auf Platz 1 bringen: http://spam.example",
    source: "form",
  },
  {
    name: "Ingrid Sommer",
    email: "i.sommer@example.de",
    service: "Heizungswartung",
    message: "Bitte die jährliche Wartung wie letztes Jahr. Der Schlüssel liegt bei der Nachbarin.",
    source: "human",
  },
  {
    name: "Ben O'Leary",
    email: "ben.oleary@example.ie",
    service: "Plumbing",
    message:
      "The boiler shows error F28. It worked until this morning. Elderly person in the house, urgent!",
    source: "chatbot",
  },
  {
    name: "Yasemin Aksoy",
    email: "yasemin@example.de",
    service: "Gebäudereinigung",
    message:
      "Guten Tag, ich möchte mich über die letzte Reinigung beschweren, die Fenster wurden ausgelassen.",
    source: "email",
  },
  {
    name: "Peter Kowalski",
    email: "pkowalski@example.com",
    service: "Window cleaning",
    message: "Please cancel my subscription at the end of the year.",
    source: "email",
  },
  {
    name: "Monika Ritter",
    email: "ritter.monika@example.at",
    service: "Elektroinstallation",
    message: "Wallbox in der Tiefgarage: Übernehmen Sie auch die Anmeldung beim Netzbetreiber?",
    source: "form",
  },
  {
    name: "Ade Johnson",
    email: "ade.johnson@example.com",
    service: "Consultation",
    message: "Do you also work on weekends? We would need about four hours.",
    source: "chatbot",
  },
  {
    name: "Lukas Hofer",
    email: "lukas.hofer@example.at",
    service: "Heizungswartung",
    message:
      "Wir bauen um und brauchen eine Wärmepumpe. Wann hätten Sie Zeit für eine Besichtigung?",
    source: "api",
  },
];

export const CUSTOMER_NOTES: Readonly<Record<Language, readonly [string, ...string[]]>> = {
  de: ["Bitte vorher anrufen.", "Hund im Garten.", "Zahlt immer pünktlich.", "Rechnung per Post."],
  en: ["Prefers mornings.", "Parking behind the building.", "Ask for the caretaker."],
};
