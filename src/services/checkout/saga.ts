// The checkout saga: it creates a user and an order, captures a payment and confirms the order, or does none
// of these.
import { defineSaga, type SagaContext } from 'multilane';
import { findCreated, perform, undo } from './participants.js';
import type { Checkout, CheckoutResults } from './schema.js';

/** If the provider has not responded by then, `resolve` queries the payment. */
const CAPTURE_TIMEOUT_MS = 2000;

/**
 * The retries take 7 to 14 s in all: longer than a breaker stays open (5 s), so that a short failure of a
 * service does not undo a checkout.
 */
const RETRY = { attempts: 8, backoffMs: 200, maxBackoffMs: 4000 };

export const checkoutSaga = defineSaga<Checkout, CheckoutResults>({
  name: 'checkout',
  version: 1,
  steps: [
    {
      name: 'create-user',
      retry: RETRY,
      run: async ({ user }, ctx) => ({ userId: (await perform(ctx, 'users', '/api/users', user)).id }),
      resolve: (_, ctx) => found(ctx, 'users', '/internal/users/outcome', (userId) => ({ userId })),
      compensate: (_, ctx) => undo(ctx, 'users', '/internal/users/undo'),
    },
    {
      name: 'create-order',
      retry: RETRY,
      run: async ({ item }, ctx) => {
        const { userId } = ctx.results['create-user'];
        return { orderId: (await perform(ctx, 'orders', '/api/orders', { userId, ...item })).id };
      },
      resolve: (_, ctx) => found(ctx, 'orders', '/internal/orders/outcome', (orderId) => ({ orderId })),
      compensate: (_, ctx) => undo(ctx, 'orders', '/internal/orders/undo'),
    },
    {
      name: 'capture-payment',
      retry: RETRY,
      timeoutMs: CAPTURE_TIMEOUT_MS,
      run: async ({ payment }, ctx) => {
        const { orderId } = ctx.results['create-order'];
        return { paymentId: (await perform(ctx, 'payments', '/api/payments', { orderId, ...payment })).id };
      },
      resolve: (_, ctx) =>
        found(ctx, 'payments', '/internal/payments/outcome', (paymentId) => ({ paymentId })),
      compensate: (_, ctx) => undo(ctx, 'payments', '/internal/payments/undo'),
    },
    {
      name: 'confirm-order',
      retry: RETRY,
      run: async (_, ctx) => {
        const { orderId } = ctx.results['create-order'];
        await perform(ctx, 'orders', '/internal/orders/confirm', { orderId });
      },
      compensate: (_, ctx) => undo(ctx, 'orders', '/internal/orders/confirm/undo'),
    },
  ],
});

/** The result of `resolve`: whether the forward call created something, and its id. */
async function found<Result>(
  ctx: SagaContext<CheckoutResults>,
  service: string,
  path: string,
  result: (id: number) => Result,
): Promise<{ done: Result } | { notDone: true }> {
  const created = await findCreated(ctx, service, path);
  return created ? { done: result(created.id) } : { notDone: true };
}
