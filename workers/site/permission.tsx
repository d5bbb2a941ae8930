import { describePermission, localText } from "@rising-bsm/protocol";
import type { Locale, Text } from "@rising-bsm/protocol";
import { PLUGIN_TEXTS } from "./plugin-texts.ts";
import { TEXTS } from "./texts.ts";

/** A permission in a sentence, with its risk and the publisher's reason. */
export function Permission({
  code,
  reason = null,
  optional = false,
  locale,
}: {
  readonly code: string;
  readonly reason?: Text | null | undefined;
  readonly optional?: boolean;
  readonly locale: Locale;
}) {
  const texts = TEXTS[locale];
  const sentence = describePermission(code);
  const risks = {
    low: ["badge", texts.riskLow],
    medium: ["badge warn", texts.riskMedium],
    high: ["badge bad", texts.riskHigh],
  } as const;
  const [style, risk] = risks[sentence.risk];
  return (
    <>
      {sentence[locale]} <span class={style}>{risk}</span>{" "}
      {optional && <span class="badge">{PLUGIN_TEXTS[locale].optional}</span>}
      {reason !== null && <q class="muted block">{localText(reason, locale)}</q>}
    </>
  );
}
