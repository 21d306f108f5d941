// The rules of the orders service, without I/O: pages and their cursors.
import { HttpError } from 'multilane';
import type { Order } from './schema.js';

export const DEFAULT_LIMIT = 20;

/** The position after one order in the list of orders by creation, newest first. */
export interface Position {
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly id: number;
}

export const positionOf = (order: Order): Position => ({
  createdAt: Date.parse(order.createdAt),
  id: order.id,
});

/** A cursor is base64url of `milliseconds.id`, opaque to clients. */
export const encodeCursor = ({ createdAt, id }: Position): string =>
  Buffer.from(`${createdAt}.${id}`).toString('base64url');

/** The last moment that a Date can hold (ECMA-262 21.4.1.1), and so the last `createdAt` of an order. */
const MAX_TIME_MS = 8.64e15;

/** @throws HttpError BAD_CURSOR for anything that `encodeCursor` did not write */
export function decodeCursor(cursor: string): Position {
  const [, createdAt, id] = /^(0|[1-9]\d{0,15})\.([1-9]\d{0,15})$/.exec(fromBase64url(cursor)) ?? [];
  const position = { createdAt: Number(createdAt), id: Number(id) };
  const isValid = position.createdAt <= MAX_TIME_MS && Number.isSafeInteger(position.id);
  if (!isValid || encodeCursor(position) !== cursor) {
    throw new HttpError('BAD_CURSOR', 'The cursor is not one that this list returned.');
  }
  return position;
}

const fromBase64url = (text: string): string => Buffer.from(text, 'base64url').toString('latin1');

export interface Page {
  readonly orders: readonly Order[];
  /** Cursor of the next page, undefined on the last one. */
  readonly next: string | undefined;
}

/** The page within `limit + 1` found orders: the extra order only shows that there is a next page. */
export function pageOf(found: readonly Order[], limit: number): Page {
  const orders = found.slice(0, limit);
  const last = orders.at(-1);
  return { orders, next: found.length > limit && last ? encodeCursor(positionOf(last)) : undefined };
}

/** The `Link` field of a page (RFC 8288). */
export const nextLink = (userId: number, limit: number, cursor: string): string =>
  `</api/users/${userId}/orders?limit=${limit}&cursor=${cursor}>; rel="next"`;
