// The rules of checkouts, without I/O: when one has ended, and which response its end means.
import { HttpError, type SagaStatus, type SagaView, ValidationError } from 'multilane';
import type { Checkout, CheckoutResults, Progress } from './schema.js';

/** ISO 4217 codes as ICU knows them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws ValidationError for a currency that the payments service would refuse */
export function checkCurrency({ payment }: Checkout): void {
  if (payment.currency === undefined || CURRENCIES.has(payment.currency)) return;
  throw new ValidationError([{ path: '/payment/currency', message: 'must be a currency code of ISO 4217' }]);
}

/** True when nothing more happens by itself; after `needs-attention` an operator has to act. */
export const hasEnded = (status: SagaStatus): boolean =>
  status === 'completed' || status === 'compensated' || status === 'needs-attention';

const QUOTED = /"(?:[^"\\]|\\.)*"/g;

/**
 * True for `Prefer: respond-async` in any field line, among other preferences, in any case (RFC 7240). A text
 * in quotes is the value of another preference, commas included; an empty value counts as none (section 2).
 */
export const prefersAsync = (prefer: readonly string[]): boolean =>
  prefer
    .flatMap((field) => field.replace(QUOTED, (text) => (text === '""' ? '' : 'quoted')).split(','))
    .some((preference) => /^\s*respond-async\s*=?\s*(?:;|$)/i.test(preference));

/** The ids that the completed steps have stored as results. */
export function idsOf(results: CheckoutResults): { userId: number; orderId: number; paymentId: number } {
  return { ...results['create-user'], ...results['create-order'], ...results['capture-payment'] };
}

/** The error response of a compensated checkout: 402 when the payment failed, otherwise 409 (a conflict). */
export function compensated({ sagaId, error }: Pick<SagaView, 'sagaId' | 'error'>): HttpError {
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
