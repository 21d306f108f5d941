// Whatever code of a service has thrown, as an error that can be looked at.
import { types } from 'node:util';
import { shown } from './log-redact.js';

/**
 * An Error as it is, anything else as one that shows it. An error that throws when it is looked at (a getter,
 * a Proxy) is replaced, so that nothing behind this has to expect it. Never throws.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      const { name, message, stack, cause } = thrown;
      // An error that a Proxy stands in front of is an object like any other.
      if (types.isProxy(thrown)) return Object.assign(new Error(message, { cause }), { name, stack });
      return thrown;
    }
    return new Error(`thrown: ${shown(thrown)}`, { cause: thrown });
  } catch {
    return new Error('thrown: a value that cannot be shown');
  }
}
