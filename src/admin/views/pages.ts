// Pages of lists whose order may change from one request to the next. A cursor has the place of the last item
// in the order, so no item is listed twice because others came or left; one that has moved over the place is
// listed by another request.
import { HttpError, ValidationError } from '../../errors.js';
import { eachInTurns } from '../../telemetry/pace.js';
import { wholeNumberIn } from '../query-number.js';

export interface PageRequest {
  readonly limit: number;
  /** The key of the last item of the page before; undefined: the first page. */
  readonly after: readonly (string | number)[] | undefined;
}

const MOST_CURSOR = 2048;

/** @throws ValidationError for a bad limit; HttpError BAD_CURSOR */
export function pageRequest(
  query: URLSearchParams,
  { most, usual, shape }: { readonly most: number; readonly usual: number; readonly shape: string },
): PageRequest {
  const text = query.get('limit');
  const limit = text === null ? usual : wholeNumberIn(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > most)
    throw new ValidationError([{ path: '/limit', message: `must be an integer from 1 to ${most}` }]);
  const cursor = query.get('cursor');
  return { limit, after: cursor === null ? undefined : keyOf(cursor, shape) };
}

/** @param shape the types of the members of a key, such as `number string` */
function keyOf(cursor: string, shape: string): readonly (string | number)[] {
  const bad = new HttpError('BAD_CURSOR', 'The cursor is not one that this list returned.');
  if (cursor.length > MOST_CURSOR) throw bad;
  let key: unknown;
  try {
    key = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw bad;
  }
  if (!Array.isArray(key) || key.map((member) => typeof member).join(' ') !== shape) throw bad;
  return key as (string | number)[];
}

export const cursorOf = (key: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

export const compare = <T extends string | number>(a: T, b: T): number => (a === b ? 0 : a < b ? -1 : 1);

/** Compares keys member by member. */
export function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let index = 0; index < a.length; index++) {
    const order = compare(a[index]!, b[index]!);
    if (order !== 0) return order;
  }
  return 0;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** The order of a list. */
export interface Order<T> {
  /** The place of an item in the order, which its cursor has. */
  readonly keyOf: (item: T) => readonly (string | number)[];
  /** Compares two items as `compareKeys` compares their keys. */
  readonly compare: (a: T, b: T) => number;
}

/** Items that are looked at before the first ones are sorted again. */
const UNSORTED = 256;

/**
 * Cuts a page out of a list that may be long, in turns of the event loop: only the items that may be on the
 * page are kept and sorted.
 */
export async function pageOf<T>(
  all: Iterable<T>,
  { keyOf: keyFor, compare }: Order<T>,
  { limit, after }: PageRequest,
): Promise<Page<T>> {
  const first: T[] = [];
  /** No item behind it is on the page. */
  let last: T | undefined;
  const sort = (): void => {
    first.sort(compare);
    if (first.length <= limit) return;
    first.length = limit + 1;
    last = first[limit];
  };
  await eachInTurns(all, (item) => {
    if (last !== undefined && compare(item, last) >= 0) return;
    if (after !== undefined && compareKeys(keyFor(item), after) <= 0) return;
    if (first.push(item) > limit + UNSORTED) sort();
  });
  sort();
  const items = first.slice(0, limit);
  return { items, nextCursor: first.length <= limit ? null : cursorOf(keyFor(items.at(-1)!)) };
}
