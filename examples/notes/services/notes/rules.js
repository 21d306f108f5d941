// The rules of notes, without I/O, so that a test can call them directly.
import { BusinessError, HttpError, NotFoundError } from 'multilane';

/** @typedef {{ id: number, title: string, text: string, createdAt: string }} Note */

export const unknownNote = () => new NotFoundError('No note has this id.');

export const sameNote = () =>
  new BusinessError('SAME_NOTE', 'A note cannot be merged with itself.', { status: 409 });

/** A cursor names the last note of a page. It is base64url, so that clients do not build their own. */
const cursorOf = (/** @type {number} */ id) => Buffer.from(`note ${id}`).toString('base64url');

/**
 * The id below which a page begins; without a cursor all ids are.
 * @param {string | undefined} cursor
 * @throws {HttpError} BAD_CURSOR for anything that a page did not contain
 */
export function idBefore(cursor) {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const id = Number(/^note (\d{1,16})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1]);
  if (!Number.isSafeInteger(id) || cursorOf(id) !== cursor)
    throw new HttpError('BAD_CURSOR', 'The cursor is not one that this list returned.');
  return id;
}

/**
 * The page within `limit + 1` notes: the additional one only shows that there is a next page.
 * @param {readonly Note[]} found @param {number} limit
 */
export function pageOf(found, limit) {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: found.length > limit && last ? cursorOf(last.id) : null };
}
