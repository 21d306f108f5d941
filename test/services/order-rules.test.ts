import { expect } from 'chai';
import fc from 'fast-check';
import { HttpError } from '#src/errors.js';
import { decodeCursor, encodeCursor, nextLink, pageOf } from '#src/services/orders/rules.js';
import type { Order } from '#src/services/orders/schema.js';

const order = (id: number): Order => ({
  id,
  userId: 1,
  productId: 1,
  quantity: 1,
  status: 'pending',
  createdAt: new Date(1_700_000_000_000 + id).toISOString(),
});

describe('a cursor', () => {
  it('encodes the position after a page without loss', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8.64e15 }),
        fc.integer({ min: 1, max: 2 ** 53 - 1 }),
        (createdAt, id) => {
          const cursor = encodeCursor({ createdAt, id });
          expect(cursor).to.match(/^[A-Za-z0-9_-]+$/);
          expect(decodeCursor(cursor)).to.deep.equal({ createdAt, id });
        },
      ),
    );
  });

  it('is refused with BAD_CURSOR when this list did not return it', () => {
    const encoded = (text: string): string => Buffer.from(text).toString('base64url');
    const written = encodeCursor({ createdAt: 12, id: 3 });
    const bad = [
      ...['', '.', '1', '1.', '.1', '1.0', '-1.1', '01.1', '1.01', '1.1.1', '1e3.1', '1.1 ', "1.1'--"].map(
        encoded,
      ),
      encoded(`8640000000000001.1`),
      encoded(`1.${2 ** 53}`),
      `${written}=`,
      `${written}!`,
      ` ${written}`,
      '\u0000',
      '💥',
    ];
    for (const cursor of bad) {
      expect(() => decodeCursor(cursor), JSON.stringify(cursor))
        .to.throw(HttpError)
        .with.property('code', 'BAD_CURSOR');
    }
  });

  it('never fails in any other way', () => {
    fc.assert(
      fc.property(fc.string(), (cursor) => {
        try {
          expect(encodeCursor(decodeCursor(cursor))).to.equal(cursor);
        } catch (error) {
          expect(error).to.have.property('code', 'BAD_CURSOR');
        }
      }),
    );
  });
});

describe('a page of orders', () => {
  it('is the last one when no further order was found', () => {
    const found = [order(2), order(1)];
    expect(pageOf(found, 2)).to.deep.equal({ orders: found, next: undefined });
    expect(pageOf([], 2)).to.deep.equal({ orders: [], next: undefined });
  });

  it('ends before the extra order, with a cursor for the next page', () => {
    const { orders, next } = pageOf([order(3), order(2), order(1)], 2);
    expect(orders.map(({ id }) => id)).to.deep.equal([3, 2]);
    expect(decodeCursor(next!)).to.deep.equal({ createdAt: 1_700_000_000_002, id: 2 });
  });

  it('links to the next page', () => {
    expect(nextLink(7, 20, 'abc')).to.equal('</api/users/7/orders?limit=20&cursor=abc>; rel="next"');
  });
});
