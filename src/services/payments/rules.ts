// What holds for payments, without I/O: currencies, and how the test methods behave.
import { BusinessError, UnavailableError, ValidationError } from 'multilane';
import type { NewPayment } from './schema.js';

const DEFAULT_CURRENCY = 'USD';

/** ISO 4217 codes as ICU knows them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws ValidationError for a code that ISO 4217 does not have */
export function currencyOf(payment: NewPayment): string {
  const currency = payment.currency ?? DEFAULT_CURRENCY;
  if (CURRENCIES.has(currency)) return currency;
  throw new ValidationError([{ path: '/currency', message: 'must be a currency code of ISO 4217' }]);
}

/** `tok_flaky` fails this often for each idempotency key before it captures. */
export const FLAKY_FAILURES = 2;

/** @throws BusinessError PAYMENT_DECLINED, final: the same card will not get better by asking again */
export function refuseDeclined(method: NewPayment['method']): void {
  if (method === 'tok_declined') throw new BusinessError('PAYMENT_DECLINED', 'The payment was declined.');
}

/**
 * @param attempts how often the key was tried, this time included
 * @throws UnavailableError while the provider still fails: nothing was captured, trying again is safe
 */
export function refuseFlaky(attempts: number): void {
  if (attempts > FLAKY_FAILURES) return;
  throw new UnavailableError('OVERLOADED', 'The payment provider is overloaded; nothing was captured.');
}
