// Saga ids are UUIDs of version 7 (RFC 9562 section 5.7). They are ordered by time, so the newest sagas are
// together at the end of the index, and a page of a list is one range of it.
import { randomUUID } from 'node:crypto';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @param now milliseconds since 1970 */
export function newSagaId(now: number): string {
  const time = now.toString(16).padStart(12, '0');
  // Version 4 and version 7 differ in the first 48 bits and the version digit; the rest is random in both.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** False for a text that is no UUID: querying the database for it would be an error. */
export function isSagaId(text: string): boolean {
  return UUID.test(text);
}
