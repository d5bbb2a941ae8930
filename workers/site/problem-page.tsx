import type { Problem } from "@rising-bsm/protocol";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

/** What a person sees where a program gets problem details. */
export function ProblemPage({ problem, language }: { problem: Problem; language: Language }) {
  const texts = TEXTS[language.locale];
  const isMissing = problem.status === 404;
  return (
    <>
      <h1>{isMissing ? texts.notFoundTitle : texts.errorTitle}</h1>
      <p>{isMissing ? texts.notFoundText : problem.detail}</p>
      {!isMissing && problem.fix !== undefined && <p>{problem.fix}</p>}
      <p class="muted">
        <code>{problem.code}</code> · {texts.requestId} <code>{problem.requestId}</code>
      </p>
      <p>
        <a class="button" href={siteLink("/", { language })}>
          {texts.backToList}
        </a>
      </p>
    </>
  );
}
