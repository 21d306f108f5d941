// The fingerprint of a request: whether two requests with the same idempotency key ask for the same.
import { createHash } from 'node:crypto';

/**
 * Hash of the canonical JSON of the body: members sorted, no white space, numbers and strings as
 * JSON.stringify writes them. A target is hashed before it, with a line feed between the two, which no
 * canonical JSON contains. A request without a target has the fingerprint that was stored before there were
 * targets.
 */
export function fingerprintOf(body: unknown, target = ''): string {
  const hash = createHash('sha256');
  if (target !== '') hash.update(`${target}\n`);
  return hash.update(canonicalJson(body)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (isPlain(member) ? sorted(member) : member)) ?? '';
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(object: Readonly<Record<string, unknown>>): object {
  const keys = Object.keys(object).sort();
  // Made from entries, so that a member named __proto__ stays a member.
  return Object.fromEntries(keys.map((key) => [key, object[key]]));
}
