// Prepares the arguments of logging calls for pino: copies without secrets, within the bounds of a line.
// Other texts about thrown values are made in the same way. log-copy.ts copies, log-secrets.ts knows which
// members of what is logged are secret, log.ts masks the message, and src/redaction decides what a secret is.

import { cutText } from '../redaction/shown-text.js';
import { LineCopy } from './log-copy.js';
import { messageFields } from './log-keys.js';
import { asFields, isError, messageOf } from './log-value.js';

/**
 * Copies the fields that are bound to a logger. An object whose member names cannot be read gives no fields.
 */
export function redact(fields: object): Record<string, unknown> {
  try {
    return new LineCopy().fields(fields, 0);
  } catch {
    return {};
  }
}

/** Copies the value of one field. */
export const redactValue = (value: unknown): unknown => redact({ value }).value;

/**
 * Copies the arguments of a logging call. Secrets inside the message are not masked yet, because in
 * `password=%s` the secret is inserted later.
 * @throws any error that reading the member names of the fields throws
 */
export function redactArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const copy = new LineCopy();
  const plain = (argument: unknown): unknown => copy.value(argument);
  const message = (argument: unknown): unknown =>
    typeof argument === 'string' ? cutText(argument) : plain(argument);
  if (typeof first !== 'object' || first === null) {
    // When the first argument is null or undefined, the second one is the message.
    return first === undefined || first === null
      ? [first, ...rest.slice(0, 1).map(message), ...rest.slice(1).map(plain)]
      : [message(first), ...rest.map(plain)];
  }
  // The message is copied before the fields, so that large fields cannot displace it.
  const others = [message(rest[0] ?? messageOf(first)), ...rest.slice(1).map(plain)];
  const fields = copy.fields(asFields(first), 0);
  // pino would take this message too, as it is. The fields may have one that `first` has not: from `toJSON`.
  others[0] ??= messageOf(fields);
  if (copy.isCut) fields.truncated = true;
  return [messageFields(fields, others[0]), ...others];
}

/** A thrown value as one string, without secrets and within the bounds of a line. It never throws. */
export function thrownText(thrown: unknown): string {
  const copy = new LineCopy();
  if (!isError(thrown)) return copy.valueText(thrown);
  const { message, stack } = copy.texts(thrown);
  return stack.includes(message) ? stack : `${message}\n${stack}`;
}

/** A value as one string, without secrets and within the bounds of a line. It never throws. */
export const valueText = (value: unknown): string => new LineCopy().valueText(value);
