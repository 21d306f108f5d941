// The rules of payments, without I/O: currencies, and how the test methods behave.
import { BusinessError, UnavailableError, ValidationError } from 'multilane';
import type { NewPayment } from './schema.js';

const DEFAULT_CURRENCY = 'USD';

/** ISO 4217 codes as ICU knows them. */
const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

/** @throws ValidationError for a code that is not in ISO 4217 */
export function currencyOf(payment: NewPayment): string {
  const currency = payment.currency ?? DEFAULT_CURRENCY;
  if (CURRENCIES.has(currency)) return currency;
  throw new ValidationError([{ path: '/currency', message: 'must be a currency code of ISO 4217' }]);
}

/** `tok_flaky` fails this often for each idempotency key before it captures. */
export const FLAKY_FAILURES = 2;

/** @throws BusinessError PAYMENT_DECLINED, which is final: a repetition would be declined too */
export function refuseDeclined(method: NewPayment['method']): void {
  if (method === 'tok_declined') throw new BusinessError('PAYMENT_DECLINED', 'The payment was declined.');
}

/**
 * @param attempts how often the key was tried, this time included
 * @throws UnavailableError while the simulated provider fails: nothing was captured, so a retry is safe
 */
export function refuseFlaky(attempts: number): void {
  if (attempts > FLAKY_FAILURES) return;
  throw new UnavailableError('OVERLOADED', 'The payment provider is overloaded; nothing was captured.');
}
