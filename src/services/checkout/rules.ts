// What holds for checkouts, without I/O: when one has ended, and which answer its end is.
import { HttpError, type SagaStatus, type SagaView, ValidationError } from 'multilane';
import type { Checkout, Progress } from './schema.js';

/** ISO 4217 codes as ICU knows them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws ValidationError for what the payments service is sure to refuse */
export function checkCurrency({ payment }: Checkout): void {
  if (payment.currency === undefined || CURRENCIES.has(payment.currency)) return;
  throw new ValidationError([{ path: '/payment/currency', message: 'must be a currency code of ISO 4217' }]);
}

/** Nothing more will happen by itself; for `needs-attention` an operator has to act. */
export const hasEnded = (status: SagaStatus): boolean =>
  status === 'completed' || status === 'compensated' || status === 'needs-attention';

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * True for `Prefer: respond-async` in any field, among other preferences, in any case (RFC 7240). What stands
 * in quotes is the value of something else, commas included; an empty value is none (section 2).
 */
export const prefersAsync = (prefer: readonly string[]): boolean =>
  prefer
    .flatMap((field) => field.replace(QUOTED, (text) => (text === '""' ? '' : 'quoted')).split(','))
    .some((preference) => /^\s*respond-async\s*=?\s*(?:;|$)/i.test(preference));

/** Ids that the completed steps left behind. */
export function idsOf({ results }: SagaView): { userId: number; orderId: number; paymentId: number } {
  const { userId } = results['create-user'] as { userId: number };
  const { orderId } = results['create-order'] as { orderId: number };
  const { paymentId } = results['capture-payment'] as { paymentId: number };
  return { userId, orderId, paymentId };
}

/** The refusal that a compensated checkout ends with: 402 when the payment failed, else 409 (a conflict). */
export function compensated({ sagaId, error }: SagaView): HttpError {
  const failedStep = error?.failedStep ?? null;
  return new HttpError('SAGA_COMPENSATED', 'The checkout was refused; everything it did is undone.', {
    status: failedStep === 'capture-payment' ? 402 : 409,
    members: { sagaId, failedStep, cause: { code: error?.code ?? 'INTERNAL' } },
  });
}

export const progressOf = ({ sagaId, saga, status, steps }: SagaView): Progress => ({
  sagaId,
  saga,
  status,
  steps: steps.map(({ name, status: stepStatus, attempts, startedAt, finishedAt, error }) => ({
    name,
    status: stepStatus,
    attempts,
    startedAt,
    finishedAt,
    error: error && { code: error.code, message: error.message },
  })),
});
