// Request and response bodies of the orders service.
import { type Static, Type } from 'multilane';

/** Ids are identity columns, limited to 1..2^53-1 so that a JSON number holds every one exactly. */
export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

export const NewOrder = Type.Object({
  userId: Id,
  productId: Id,
  quantity: Type.Integer({ minimum: 1, maximum: 1000 }),
});
export type NewOrder = Static<typeof NewOrder>;

export const Order = Type.Object({
  id: Id,
  userId: Id,
  productId: Id,
  quantity: Type.Integer(),
  status: Type.Union([Type.Literal('pending'), Type.Literal('confirmed')]),
  createdAt: Type.String({ format: 'date-time' }),
});
export type Order = Static<typeof Order>;

export const MAX_LIMIT = 100;

export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT })),
  cursor: Type.Optional(Type.String()),
});

/** The idempotency key of a forward call, such as `0197…/create-order`. */
export const Key = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\u0021-\\u007e]+$' });
