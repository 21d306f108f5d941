// Request and response bodies of the users service.
import { type Static, Type } from 'multilane';

/** Ids are identity columns, limited to 1..2^53-1 so that a JSON number holds every one exactly. */
export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] });

/**
 * Names have 1 to 200 characters (not UTF-16 units) that PostgreSQL can store and a terminal can print: no
 * control characters, U+0000 among them, and no lone surrogates.
 */
const NAME = '^(?:[\\ud800-\\udbff][\\udc00-\\udfff]|[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]){1,200}$';

export const NewUser = Type.Object(
  {
    name: Type.String({ pattern: NAME, examples: ['Ada Lovelace'] }),
    email: Type.String({
      maxLength: 254,
      format: 'email',
      description: 'Unique, whatever its case.',
      examples: ['ada@example.org'],
      'x-vary-example': true,
    }),
  },
  { $id: 'NewUser' },
);
export type NewUser = Static<typeof NewUser>;

export const User = Type.Object(
  {
    id: Id,
    name: Type.String({ examples: ['Ada Lovelace'] }),
    email: Type.String({ examples: ['ada@example.org'] }),
    createdAt: Type.String({ format: 'date-time', examples: ['2026-01-31T09:30:00.000Z'] }),
  },
  { $id: 'User' },
);
export type User = Static<typeof User>;

/** A user with the first page of the orders; `orders: null` and `degraded` when they are not available. */
export const UserWithOrders = Type.Object(
  {
    ...User.properties,
    orders: Type.Union([Type.Array(Type.Unknown()), Type.Null()], {
      description: 'The latest orders, as the orders service returns them; null when they are not available.',
    }),
    degraded: Type.Optional(
      Type.Array(Type.String(), { description: 'What is not available.', examples: [['orders']] }),
    ),
  },
  { $id: 'UserWithOrders' },
);

/** The idempotency key of a forward call, such as `0197…/create-user`. */
export const Key = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\u0021-\\u007e]+$' });
