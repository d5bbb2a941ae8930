/** Everything a visitor reads. */
export const TEXTS = {
  en: {
    title: "Call me back",
    name: "Name",
    email: "E-mail",
    phone: "Phone",
    topic: "What is it about?",
    time: "When may we call?",
    morning: "in the morning",
    afternoon: "in the afternoon",
    evening: "in the evening",
    message: "Anything else?",
    send: "Ask for a call",
    wrong: "Please check: ",
    thanks: "Thank you. We will call you.",
  },
  de: {
    title: "Rückruf anfordern",
    name: "Name",
    email: "E-Mail",
    phone: "Telefon",
    topic: "Worum geht es?",
    time: "Wann dürfen wir anrufen?",
    morning: "vormittags",
    afternoon: "nachmittags",
    evening: "abends",
    message: "Noch etwas?",
    send: "Rückruf anfordern",
    wrong: "Bitte prüfen: ",
    thanks: "Danke. Wir rufen Sie an.",
  },
} as const;

/** A language of the page. */
export type Language = keyof typeof TEXTS;

/** The visitor's language: as the address says, else as the browser does; English otherwise. */
export function languageOf(asked: string | undefined, accepted: string | undefined): Language {
  const wanted = asked ?? accepted?.slice(0, 2).toLowerCase();
  return wanted === "de" ? "de" : "en";
}
