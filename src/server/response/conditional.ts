// The rules of conditional requests (RFC 9110 section 13) and of ranges (section 14), without I/O: they
// compare the version that the client has with the current one.
import type { ReadonlyFields } from '../handler.js';
import { parseHttpDate } from './http-date.js';

/** The marks that tell one version of a representation from another. */
export interface Validators {
  /** The tag with its quotes, and with `W/` when equal tags do not mean equal bytes. */
  readonly etag: string;
  /** Milliseconds since 1970, of a whole second. */
  readonly lastModified: number;
  /**
   * True when no second change can have the same date: the date then identifies a version like a strong tag.
   */
  readonly isSettled: boolean;
}

export type Verdict = 'proceed' | 'not-modified' | 'failed';

/** Evaluates the preconditions of a request (section 13.2.2, steps 1 to 4). */
export function precondition(method: string, headers: ReadonlyFields, validators: Validators): Verdict {
  const { etag, lastModified } = validators;
  const isRead = method === 'GET' || method === 'HEAD';
  const match = listOf(headers, 'if-match');
  if (match !== undefined) {
    if (!isAny(match) && !tagsOf(match).some((tag) => sameStrong(tag, etag))) return 'failed';
  } else {
    const since = parseHttpDate(headers.get('if-unmodified-since'));
    if (since !== undefined && lastModified > since) return 'failed';
  }
  const noneMatch = listOf(headers, 'if-none-match');
  if (noneMatch !== undefined) {
    const has = isAny(noneMatch) || tagsOf(noneMatch).some((tag) => sameWeak(tag, etag));
    return has ? (isRead ? 'not-modified' : 'failed') : 'proceed';
  }
  const since = isRead ? parseHttpDate(headers.get('if-modified-since')) : undefined;
  return since !== undefined && lastModified <= since ? 'not-modified' : 'proceed';
}

/** A range of bytes that includes both ends. */
export interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * Finds the range that a request wants of `size` bytes. A request for several ranges gets the whole, which
 * section 14.2 allows: it is rare, and a known way to cause work for a server.
 */
export function rangeOf(
  method: string,
  headers: ReadonlyFields,
  validators: Validators,
  size: number,
): Range | 'whole' | 'unsatisfiable' {
  const field = method === 'GET' ? headers.get('range') : undefined;
  if (field === undefined || !isCurrent(headers.get('if-range'), validators)) return 'whole';
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(field.trim()) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return 'whole';
  if (from === '') {
    const count = Math.min(Number(to), size);
    return count === 0 ? 'unsatisfiable' : { first: size - count, last: size - 1 };
  }
  const first = Number(from);
  if (to !== '' && Number(to) < first) return 'whole';
  if (first >= size) return 'unsatisfiable';
  return { first, last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

/** Whether the part that the client has is of the same version, byte by byte (If-Range, section 13.1.5). */
function isCurrent(ifRange: string | undefined, { etag, lastModified, isSettled }: Validators): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  if (text.startsWith('"')) return sameStrong(text, etag);
  return isSettled && parseHttpDate(text) === lastModified;
}

function listOf(headers: ReadonlyFields, name: string): string | undefined {
  const lines = headers.getAll(name);
  return lines.length === 0 ? undefined : lines.join(',');
}

const isAny = (list: string): boolean => list.trim() === '*';
const tagsOf = (list: string): readonly string[] =>
  list.match(/(?:W\/)?"[\x21\x23-\x7e\x80-\uffff]*"/g) ?? [];
const sameStrong = (a: string, b: string): boolean => a === b && !a.startsWith('W/');
const sameWeak = (a: string, b: string): boolean => a.replace(/^W\//, '') === b.replace(/^W\//, '');
