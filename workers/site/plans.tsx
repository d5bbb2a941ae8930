import { ORDER_LIMITS } from "@rising-bsm/protocol";
import { intervalOf, isForSale } from "../orders/price.ts";
import type { ListedCard } from "../search/card.ts";
import { formatPrice } from "./format.ts";
import type { Language } from "./language.ts";
import { siteLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

interface PlansView {
  readonly language: Language;
  readonly card: ListedCard;
  readonly canBuy: boolean;
}

type Plan = ListedCard["plans"][number];
type PlanView = PlansView & { readonly plan: Plan };

/** What a plugin costs, and the way to the payment. */
export function Plans(view: PlansView) {
  const texts = TEXTS[view.language.locale];
  return (
    <section class="panel" aria-labelledby="plans">
      <h2 id="plans">{texts.plansTitle}</h2>
      <ul class="plain">
        {view.card.plans.map((plan) => (
          <li>
            <strong>{texts.planKinds[plan.kind]}</strong> <code>{plan.id}</code>
            <Cost {...view} plan={plan} />
            {view.canBuy && isForSale(plan) && <BuyForm {...view} plan={plan} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Cost({ plan, language: { locale } }: PlanView) {
  const texts = TEXTS[locale];
  if (plan.price === undefined) return null;
  const period = intervalOf(plan) ?? undefined;
  const updates = plan.kind === "perpetual" ? plan.period : undefined;
  return (
    <div>
      {formatPrice({ ...plan.price, ...(period && { period }) }, locale)}
      {updates !== undefined && `, ${texts.updatesFor[updates]}`}
    </div>
  );
}

function BuyForm({ plan, card, language }: PlanView) {
  const texts = TEXTS[language.locale];
  const included = plan.seats ?? 1;
  return (
    <form method="post" action={siteLink(`/plugins/${card.name}/buy`, { language })}>
      <input type="hidden" name="plan" value={plan.id} />
      {included !== -1 && (
        <label class="field">
          {texts.seats}
          <input
            type="number"
            name="seats"
            min={included}
            max={ORDER_LIMITS.seats}
            step={included}
            value={included}
          />
        </label>
      )}
      <label class="field">
        {texts.licensee}
        <input type="text" name="org" maxlength={200} autocomplete="organization" />
      </label>
      <p>
        <button>{texts.buy}</button>
      </p>
    </form>
  );
}
