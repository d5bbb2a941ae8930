import type { PaymentFact } from "./decide-order.ts";
import type { Price } from "./price.ts";

export interface CheckoutRequest {
  /** The same id always gets the same checkout. */
  readonly orderId: string;
  /** What is bought, for the buyer's bill. */
  readonly title: string;
  readonly price: Price;
  /** Where the buyer goes afterwards; `session` in it is the checkout's id. */
  readonly orderPage: (session: string) => string;
  readonly cancelPage: string;
}

/** A page of the provider's where somebody pays. */
export interface Checkout {
  /** The provider's secret name for it: whoever knows it is taken for the buyer. */
  readonly session: string;
  readonly url: string;
}

/** What a provider said about one order. */
export interface PaymentEvent {
  readonly id: string;
  readonly orderId: string;
  readonly fact: PaymentFact;
}

export interface SignedMessage {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly signature: string;
}

/** Who takes the money. Bills, taxes and means of payment are its business. */
export interface PaymentProvider {
  /** Stored with orders and events: never changes. */
  readonly name: string;
  /** Throws `unavailable` when the provider cannot be reached or does not want to. */
  createCheckout: (request: CheckoutRequest) => Promise<Checkout>;
  /**
   * The event of a message that the provider signed; null for what is nobody's business here.
   * Throws `request_invalid` for other signatures and old messages, `unavailable` when it has to ask
   * the provider for the order and cannot.
   */
  readEvent: (message: SignedMessage, now: number) => Promise<PaymentEvent | null>;
}
