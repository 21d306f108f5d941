// Prepares the attributes of spans: masks secrets, by the same rules as in the log, and replaces numbers that
// cannot be exported.
import { maskEncoded } from '../redaction/encoded-texts.js';
import { isSecret } from '../redaction/secret-names.js';
import { CENSORED } from '../redaction/secret-pairs.js';
import { shortText } from '../redaction/shown-text.js';
import { exactly } from './exact-number.js';
import { valueText } from './log-redact.js';
import type { AttributeValue, SpanAttributes } from './span.js';
import { ATTR } from './span-attributes.js';

/** Attributes whose texts may be percent-encoded. */
const IN_URL: ReadonlySet<string> = new Set([ATTR.urlPath, ATTR.urlFull]);

/** A copy, without members that are undefined. */
export function withoutSecrets(attributes: SpanAttributes): Record<string, AttributeValue> {
  const copy: Record<string, AttributeValue> = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined) copy[name] = withoutSecret(name, value);
  }
  return copy;
}

export function withoutSecret(name: string, value: AttributeValue): AttributeValue {
  if (isSecret(name, value)) return CENSORED;
  if (typeof value === 'string') return shortText(IN_URL.has(name) ? maskEncoded(value) : value);
  // Attributes may come from code of services, whatever their type says, and a BigInt cannot be written.
  return typeof value === 'number' || typeof value === 'boolean' ? exactly(value) : valueText(value);
}
