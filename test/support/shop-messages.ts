// Requests to the reference shop and its responses, for tests in this thread and over sockets.
import { uniqueEmail } from './client.js';

export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly createdAt: string;
}

export interface Order {
  readonly id: number;
  readonly userId: number;
  readonly productId: number;
  readonly quantity: number;
  readonly status: string;
  readonly createdAt: string;
}

export interface Payment {
  readonly id: number;
  readonly orderId: number;
  readonly amountCents: number;
  readonly currency: string;
  readonly status: string;
  readonly createdAt: string;
}

export interface CompletedCheckout {
  readonly sagaId: string;
  readonly status: string;
  readonly userId: number;
  readonly orderId: number;
  readonly paymentId: number;
}

export interface CheckoutProgress {
  readonly sagaId: string;
  readonly saga: string;
  readonly status: string;
  readonly steps: readonly {
    readonly name: string;
    readonly status: string;
    readonly attempts: number;
    readonly startedAt: string | null;
    readonly finishedAt: string | null;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
}

/** An id of a user, an order or a product that no other test uses. */
export const anyId = (): number => 1 + Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);

/** The body of a checkout that is paid by the given test method. */
export const checkoutBody = (
  method: string,
  { email = uniqueEmail(), productId = 7, quantity = 2, amountCents = 1999 } = {},
) => ({
  user: { name: 'Ada', email },
  item: { productId, quantity },
  payment: { amountCents, method },
});
