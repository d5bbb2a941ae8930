import { REPORT_REASONS, REVIEW_LIMITS } from "@rising-bsm/protocol";
import type { Language } from "./language.ts";
import { pluginLink, siteLink } from "./links.ts";
import { REVIEW_TEXTS } from "./review-texts.ts";

export interface ReportView {
  readonly name: string;
  readonly language: Language;
}

interface ReportFormView extends ReportView {
  /** What the link that led here speaks of. */
  readonly about: {
    readonly reason?: string;
    readonly version?: string;
    readonly reviewId?: string;
  };
}

/** Where anybody reports a plugin. */
export function ReportPage({ name, language, about }: ReportFormView) {
  const texts = REVIEW_TEXTS[language.locale];
  const { reason, ...rest } = about;
  return (
    <>
      <p>
        <a href={pluginLink(name, language)}>← {name}</a>
      </p>
      <h1>{texts.report}</h1>
      <p class="lead">{texts.reportLead}</p>
      <form
        class="panel report"
        method="post"
        action={siteLink(`/plugins/${name}/report`, { language })}
      >
        {Object.entries(rest).map(([key, value]) => (
          <input type="hidden" name={key} value={value} />
        ))}
        <div class="field">
          <label for="reason">{texts.reason}</label>
          <select id="reason" name="reason" required>
            <option value="">{texts.choose}</option>
            {REPORT_REASONS.map((each) => (
              <option value={each} selected={each === reason}>
                {texts.reasons[each]}
              </option>
            ))}
          </select>
        </div>
        <div class="field">
          <label for="text">{texts.text}</label>
          <textarea id="text" name="text" maxlength={REVIEW_LIMITS.reportChars} required></textarea>
        </div>
        <div class="field">
          <label for="contact">{texts.contact}</label>
          <input
            id="contact"
            name="contact"
            type="text"
            maxlength={REVIEW_LIMITS.contactChars}
            aria-describedby="contact-hint"
          />
          <span class="muted" id="contact-hint">
            {texts.contactHint}
          </span>
        </div>
        <p>
          <button>{texts.send}</button>
        </p>
      </form>
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
