import type { Locale, REPORT_REASONS, REVIEW_SORTS } from "@rising-bsm/protocol";
import type { Counted } from "./format.ts";

/** What of a report is not as it has to be: a field, what the report is about, or the number of them. */
export type ReportMistake = "reason" | "text" | "contact" | "subject" | "limit";

interface ReviewTexts {
  readonly title: string;
  readonly none: string;
  readonly count: Counted;
  readonly stars: (rating: string) => string;
  readonly all: string;
  readonly more: string;
  readonly rating: string;
  readonly anyRating: string;
  readonly show: string;
  readonly choose: string;
  readonly order: string;
  readonly sorts: Readonly<Record<(typeof REVIEW_SORTS)[number], string>>;
  readonly edited: string;
  readonly reply: string;
  readonly origin: string;
  readonly report: string;
  readonly reportReview: string;
  readonly reportLead: string;
  readonly reason: string;
  readonly reasons: Readonly<Record<(typeof REPORT_REASONS)[number], string>>;
  readonly text: string;
  readonly contact: string;
  readonly contactHint: string;
  readonly send: string;
  readonly mistakes: Readonly<Record<ReportMistake, string>>;
  readonly sent: string;
  readonly sentText: string;
}

/** Texts about reviews and reports. */
export const REVIEW_TEXTS: Readonly<Record<Locale, ReviewTexts>> = {
  en: {
    title: "Reviews",
    none: "Nobody has reviewed this plugin yet.",
    count: { one: "1 review", many: "{n} reviews" },
    stars: (rating) => `${rating} of 5 stars`,
    all: "All reviews",
    more: "More reviews",
    rating: "Stars",
    anyRating: "Any number of stars",
    show: "Show reviews",
    choose: "Please choose",
    order: "Order",
    sorts: { new: "Newest first", highest: "Most stars first", lowest: "Fewest stars first" },
    edited: "edited",
    reply: "Answer of the publisher",
    origin: "Reviews come from installations that have had the plugin for at least a day.",
    report: "Report this plugin",
    reportReview: "Report",
    reportLead:
      "Say what is wrong. A person at the marketplace reads it; the publisher is not told who you are.",
    reason: "What is wrong",
    reasons: {
      malware: "It does harm or is not what it claims",
      privacy: "It mishandles personal data",
      misleading: "Its description is misleading",
      copyright: "It violates somebody's rights",
      spam: "It is advertising or a copy",
      broken: "It does not work",
      review: "A review breaks the rules",
      other: "Something else",
    },
    text: "What happened",
    contact: "How we can reach you (optional)",
    contactHint: "It is deleted as soon as the report is closed.",
    send: "Send the report",
    mistakes: {
      reason: "Please choose what is wrong.",
      text: "Please write plain text of at most 2,000 characters.",
      contact: "Please write one line of at most 200 characters.",
      subject:
        "The version or review that you report is not there any more. What you send now is about the plugin.",
      limit: "There were too many reports from your network today. Please try again tomorrow.",
    },
    sent: "Thank you",
    sentText: "Your report was received.",
  },
  de: {
    title: "Bewertungen",
    none: "Noch niemand hat dieses Plugin bewertet.",
    count: { one: "1 Bewertung", many: "{n} Bewertungen" },
    stars: (rating) => `${rating} von 5 Sternen`,
    all: "Alle Bewertungen",
    more: "Weitere Bewertungen",
    rating: "Sterne",
    anyRating: "Beliebig viele Sterne",
    show: "Bewertungen anzeigen",
    choose: "Bitte wählen",
    order: "Reihenfolge",
    sorts: { new: "Neueste zuerst", highest: "Beste zuerst", lowest: "Schlechteste zuerst" },
    edited: "bearbeitet",
    reply: "Antwort des Anbieters",
    origin: "Bewertungen stammen von Installationen, die das Plugin mindestens einen Tag haben.",
    report: "Dieses Plugin melden",
    reportReview: "Melden",
    reportLead:
      "Sagen Sie, was nicht stimmt. Ein Mensch beim Marktplatz liest es; der Anbieter erfährt nicht, wer Sie sind.",
    reason: "Was nicht stimmt",
    reasons: {
      malware: "Es schadet oder ist nicht, was es vorgibt",
      privacy: "Es geht falsch mit persönlichen Daten um",
      misleading: "Die Beschreibung führt in die Irre",
      copyright: "Es verletzt Rechte anderer",
      spam: "Es ist Werbung oder eine Kopie",
      broken: "Es funktioniert nicht",
      review: "Eine Bewertung verstößt gegen die Regeln",
      other: "Etwas anderes",
    },
    text: "Was geschehen ist",
    contact: "Wie wir Sie erreichen (optional)",
    contactHint: "Wird gelöscht, sobald die Meldung abgeschlossen ist.",
    send: "Meldung senden",
    mistakes: {
      reason: "Bitte wählen Sie, was nicht stimmt.",
      text: "Bitte schreiben Sie reinen Text mit höchstens 2.000 Zeichen.",
      contact: "Bitte schreiben Sie eine Zeile mit höchstens 200 Zeichen.",
      subject:
        "Die gemeldete Version oder Bewertung gibt es nicht mehr. Was Sie jetzt senden, betrifft das Plugin.",
      limit: "Heute kamen aus Ihrem Netz zu viele Meldungen. Bitte versuchen Sie es morgen wieder.",
    },
    sent: "Danke",
    sentText: "Ihre Meldung ist angekommen.",
  },
};
