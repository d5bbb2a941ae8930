import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

/** Where a person has a host's request file answered. */
export function OfflinePage({ language }: { language: Language }) {
  const texts = TEXTS[language.locale];
  return (
    <>
      <h1>{texts.offlineTitle}</h1>
      <p class="lead">{texts.offlineLead}</p>
      <section class="panel" aria-labelledby="steps">
        <h2 id="steps">{texts.offlineStepsTitle}</h2>
        <ol>
          <li>
            <p>{texts.offlineRequest}</p>
            <pre>
              <code>
                rising-bsm license request @scope/name --data-dir DIR --key KEY --out request.json
              </code>
            </pre>
          </li>
          <li>
            <p>{texts.offlineAnswer}</p>
            <form
              method="post"
              action={siteLink("/offline", { language })}
              enctype="multipart/form-data"
            >
              <div class="field">
                <label for="request">{texts.offlineFile}</label>
                <input
                  id="request"
                  name="request"
                  type="file"
                  accept=".json,application/json"
                  required
                />
              </div>
              <p>
                <button>{texts.offlineSend}</button>
              </p>
            </form>
          </li>
          <li>
            <p>{texts.offlineImport}</p>
            <pre>
              <code>rising-bsm license import FILE --data-dir DIR --root root.json</code>
            </pre>
          </li>
        </ol>
      </section>
      <p class="muted">{texts.offlineHint}</p>
    </>
  );
}
