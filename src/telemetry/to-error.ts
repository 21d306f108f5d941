// Turns a value that code of a service has thrown into an Error that can be read safely.
import { isInspectable } from '../error-type.js';
import { valueText } from './log-redact.js';

/**
 * Returns an Error unchanged, and wraps any other value in an Error whose message shows it. An error whose
 * properties throw when they are read (a getter, a Proxy) is replaced, so that callers need not expect it. It
 * never throws itself.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      const { name, message, stack, cause } = thrown;
      // An error with a Proxy in it is copied, because its properties may throw later.
      if (!isInspectable(thrown)) return Object.assign(new Error(message, { cause }), { name, stack });
      return thrown;
    }
    return new Error(`thrown: ${valueText(thrown)}`, { cause: thrown });
  } catch {
    return new Error('thrown: a value that cannot be shown');
  }
}
