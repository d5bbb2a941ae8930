/** What a request is, as far as its words say. */
export type Triage = {
  urgency: "urgent" | "normal" | "low";
  kind: "job" | "complaint" | "cancellation" | "advertising";
  language: "de" | "en";
  /** The words that decided. */
  because: string[];
};

const URGENT =
  /\b(dringend|notfall|sofort|heizt seit .{0,40}nicht|ausgefallen|wasserschaden|urgent|emergency|asap|as soon as possible|coming through|leak|error f\d+)/giu;
const LOW = /\b(no hurry|keine eile|next spring|nächstes jahr|irgendwann)/giu;
const COMPLAINT = /\b(beschwer\w*|reklam\w*|mangel\w*|complain\w*|disappointed)/giu;
const CANCELLATION = /\b(kündig\w*|stornier\w*|cancel\w*)/giu;
const ADVERTISING = /(seo\b|sonderpreis|\bbacklinks?|casino|platz 1 bringen|!!!)/giu;
const GERMAN = /\b(und|ich|wir|bitte|nicht|haben|der|die|das|unsere?|für|ein|eine|noch)\b/giu;
const ENGLISH = /\b(and|i|we|please|not|have|the|our|for|a|an|is|you|to)\b/giu;

/** Sorts a request by its words. The same text always gives the same answer. */
export function classify(message: string): Triage {
  const advertising = wordsOf(message, ADVERTISING);
  // One such word may happen to anybody; two are no coincidence.
  const isAdvertising = advertising.length > 1;
  const urgent = isAdvertising ? [] : wordsOf(message, URGENT);
  const low = wordsOf(message, LOW);
  const complaint = wordsOf(message, COMPLAINT);
  const cancellation = wordsOf(message, CANCELLATION);
  return {
    urgency: urgencyOf(urgent.length, low.length + (isAdvertising ? 1 : 0)),
    kind: kindOf({ isAdvertising, complaint: complaint.length, cancellation: cancellation.length }),
    language: wordsOf(message, GERMAN).length >= wordsOf(message, ENGLISH).length ? "de" : "en",
    because: [
      ...urgent,
      ...low,
      ...complaint,
      ...cancellation,
      ...(isAdvertising ? advertising : []),
    ],
  };
}

function wordsOf(message: string, pattern: RegExp): string[] {
  return (message.match(pattern) ?? []).map((word) => word.toLowerCase());
}

function urgencyOf(urgent: number, low: number): Triage["urgency"] {
  if (urgent > 0) return "urgent";
  return low > 0 ? "low" : "normal";
}

function kindOf(found: {
  isAdvertising: boolean;
  complaint: number;
  cancellation: number;
}): Triage["kind"] {
  if (found.isAdvertising) return "advertising";
  if (found.complaint > 0) return "complaint";
  return found.cancellation > 0 ? "cancellation" : "job";
}
