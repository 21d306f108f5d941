// Masks secrets in the attributes of spans, by the same rules as in the log.
import { isSecret } from '../redaction/secret-names.js';
import { CENSORED } from '../redaction/secret-pairs.js';
import { shortText } from '../redaction/shown-text.js';
import type { AttributeValue, SpanAttributes } from './span.js';

export const withoutSecrets = (attributes: SpanAttributes): SpanAttributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, value && withoutSecret(name, value)]),
  );

export function withoutSecret(name: string, value: AttributeValue): AttributeValue {
  if (isSecret(name, value)) return CENSORED;
  return typeof value === 'string' ? shortText(value) : value;
}
