// What of a logging call reaches pino: copies of its arguments without secrets and within the bounds of a
// line, and the same for what else says what was thrown.

import { cutText } from '../redaction/shown-text.js';
import { LineCopy } from './log-copy.js';
import { asFields, isError, messageOf } from './log-value.js';

/** Fields that are bound to a logger; none of an object whose names cannot be read. */
export function redact(fields: object): Record<string, unknown> {
  try {
    return new LineCopy().fields(fields, 0);
  } catch {
    return {};
  }
}

/** A value of a field. */
export const redactValue = (value: unknown): unknown => redact({ value }).value;

/**
 * The arguments of a logging call, each a plain copy within the bounds. The message still has the secrets
 * that are inside it: `password=%s` is one form with what will be put into it.
 * @throws whatever looking at the names of its fields throws
 */
export function redactArguments([first, ...rest]: readonly unknown[]): unknown[] {
  const copy = new LineCopy();
  const plain = (argument: unknown): unknown => copy.value(argument);
  const message = (argument: unknown): unknown =>
    typeof argument === 'string' ? cutText(argument) : plain(argument);
  if (typeof first !== 'object' || first === null) {
    // Where there is neither a message nor fields, what follows is the message.
    return first === undefined || first === null
      ? [first, ...rest.slice(0, 1).map(message), ...rest.slice(1).map(plain)]
      : [message(first), ...rest.map(plain)];
  }
  // First: large fields must not displace the message.
  const others = [message(rest[0] ?? messageOf(first)), ...rest.slice(1).map(plain)];
  const fields = copy.fields(asFields(first), 0);
  if (copy.isCut) fields.truncated = true;
  return [fields, ...others];
}

/** Whatever was thrown as one text, within the bounds of a line. Never throws. */
export function thrownText(thrown: unknown): string {
  const copy = new LineCopy();
  if (!isError(thrown)) return copy.valueText(thrown);
  const { message, stack } = copy.texts(thrown);
  return stack.includes(message) ? stack : `${message}\n${stack}`;
}

/** A value as one text, within the bounds of a line. Never throws. */
export const shown = (value: unknown): string => new LineCopy().valueText(value);
