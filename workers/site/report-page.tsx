import { REPORT_REASONS, REVIEW_LIMITS } from "@rising-bsm/protocol";
import type { Language } from "./language.ts";
import { pluginLink, siteLink } from "./links.ts";
import { REVIEW_TEXTS } from "./review-texts.ts";
import type { ReportMistake } from "./review-texts.ts";

export interface ReportView {
  readonly name: string;
  readonly language: Language;
}

interface ReportFormView extends ReportView {
  /** Fields by name: what the link that led here speaks of, or what was sent and not taken. */
  readonly written: Readonly<Record<string, string>>;
  /** Why it was not taken. */
  readonly wrong?: ReportMistake | undefined;
}

/** What a person enters; the rest is what the report is about. */
const ENTERED: ReadonlySet<string> = new Set(["reason", "text", "contact"]);

/** Where anybody reports a plugin. */
export function ReportPage({ name, language, written, wrong }: ReportFormView) {
  const texts = REVIEW_TEXTS[language.locale];
  const subject = Object.entries(written).filter(([field]) => !ENTERED.has(field));
  return (
    <>
      <p>
        <a href={pluginLink(name, language)}>← {name}</a>
      </p>
      <h1>{texts.report}</h1>
      <p class="lead">{texts.reportLead}</p>
      {wrong !== undefined && (
        <p class="notice" role="alert" id="mistake">
          {texts.mistakes[wrong]}
        </p>
      )}
      <form
        class="panel report"
        method="post"
        action={siteLink(`/plugins/${name}/report`, { language })}
      >
        {wrong !== "subject" &&
          subject.map(([key, value]) => <input type="hidden" name={key} value={value} />)}
        <Fields name={name} language={language} written={written} wrong={wrong} />
        <p>
          <button>{texts.send}</button>
        </p>
      </form>
    </>
  );
}

function Fields({ language, written, wrong }: ReportFormView) {
  const texts = REVIEW_TEXTS[language.locale];
  const mistaken = (field: ReportMistake) =>
    field === wrong ? { "aria-invalid": "true", "aria-describedby": "mistake" } : {};
  return (
    <>
      <div class="field">
        <label for="reason">{texts.reason}</label>
        <select id="reason" name="reason" required {...mistaken("reason")}>
          <option value="">{texts.choose}</option>
          {REPORT_REASONS.map((each) => (
            <option value={each} selected={each === written["reason"]}>
              {texts.reasons[each]}
            </option>
          ))}
        </select>
      </div>
      <div class="field">
        <label for="text">{texts.text}</label>
        <textarea
          id="text"
          name="text"
          maxlength={REVIEW_LIMITS.reportChars}
          required
          {...mistaken("text")}
        >
          {written["text"]}
        </textarea>
      </div>
      <div class="field">
        <label for="contact">{texts.contact}</label>
        <input
          id="contact"
          name="contact"
          type="text"
          value={written["contact"]}
          maxlength={REVIEW_LIMITS.contactChars}
          aria-invalid={wrong === "contact" ? "true" : undefined}
          aria-describedby={wrong === "contact" ? "mistake contact-hint" : "contact-hint"}
        />
        <span class="muted" id="contact-hint">
          {texts.contactHint}
        </span>
      </div>
    </>
  );
}

/** After a report was sent. */
export function ReportSentPage({ name, language }: ReportView) {
  const texts = REVIEW_TEXTS[language.locale];
  return (
    <>
      <h1>{texts.sent}</h1>
      <p role="status">{texts.sentText}</p>
      <p>
        <a href={pluginLink(name, language)}>← {name}</a>
      </p>
    </>
  );
}
