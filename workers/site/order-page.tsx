import type { OrderState } from "@rising-bsm/protocol";
import { formatAmount, formatDate } from "./format.ts";
import type { Language } from "./language.ts";
import { pluginLink } from "./links.ts";
import { TEXTS } from "./texts.ts";

interface OrderView {
  readonly order: OrderState;
  readonly language: Language;
}

/** What became of an order, for its buyer; with the license key while nobody has used it. */
export function OrderPage(view: OrderView) {
  const { order, language } = view;
  const texts = TEXTS[language.locale];
  return (
    <>
      <h1>{texts.orderTitle}</h1>
      <p role="status">{texts.orderStates[order.state]}</p>
      {order.licenseId !== null && <Key {...view} />}
      <section class="panel">
        <dl>
          <dt>{texts.order}</dt>
          <dd>
            <code>{order.orderId}</code>
          </dd>
          <dt>Plugin</dt>
          <dd>
            <a href={pluginLink(order.plugin, language)}>{order.plugin}</a>
          </dd>
          <dt>{texts.plan}</dt>
          <dd>{order.plan}</dd>
          <dt>{texts.price}</dt>
          <dd>{formatAmount(order, language.locale)}</dd>
          <Day label={texts.paidUntil} time={order.paidUntil} language={language} />
          <Day label={texts.cancelledAt} time={order.cancelledAt} language={language} />
        </dl>
      </section>
    </>
  );
}

function Key({ order, language }: OrderView) {
  const texts = TEXTS[language.locale];
  if (order.licenseKey === null) return <p>{texts.orderKeyUsed}</p>;
  return (
    <section class="panel" aria-labelledby="key">
      <h2 id="key">{texts.orderKeyTitle}</h2>
      <pre>
        <code>{order.licenseKey}</code>
      </pre>
      <p>{texts.orderKeyHint}</p>
    </section>
  );
}

interface DayProps {
  readonly label: string;
  readonly time: string | null;
  readonly language: Language;
}

function Day({ label, time, language }: DayProps) {
  if (time === null) return null;
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <time datetime={time}>{formatDate(time, language.locale)}</time>
      </dd>
    </>
  );
}

/** Between the plugin's page and the provider's: forms may only lead to this site itself. */
export function ToPaymentPage({ url, language }: { url: string; language: Language }) {
  const texts = TEXTS[language.locale];
  return (
    <>
      <h1>{texts.toPayment}</h1>
      <p>{texts.toPaymentText}</p>
      <p>
        <a class="button" href={url}>
          {texts.toPayment}
        </a>
      </p>
    </>
  );
}
