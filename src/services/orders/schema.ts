// Request and response bodies of the orders service.
import { type Static, Type } from 'multilane';

/** Ids are identity columns, limited to 1..2^53-1 so that a JSON number holds every one exactly. */
export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] });

export const NewOrder = Type.Object(
  {
    userId: Id,
    productId: Id,
    quantity: Type.Integer({ minimum: 1, maximum: 1000, examples: [2] }),
  },
  { $id: 'NewOrder' },
);
export type NewOrder = Static<typeof NewOrder>;

export const Order = Type.Object(
  {
    id: Id,
    userId: Id,
    productId: Id,
    quantity: Type.Integer({ examples: [2] }),
    status: Type.Union([Type.Literal('pending'), Type.Literal('confirmed')]),
    createdAt: Type.String({ format: 'date-time', examples: ['2026-01-31T09:30:00.000Z'] }),
  },
  { $id: 'Order' },
);
export type Order = Static<typeof Order>;

export const MAX_LIMIT = 100;

export const PageQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_LIMIT,
      description: 'The most orders of the page; 20 if omitted.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({ description: 'Where the page begins: opaque, from the field `Link` of the page before.' }),
  ),
});

/** The idempotency key of a forward call, such as `0197…/create-order`. */
export const Key = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\u0021-\\u007e]+$' });
