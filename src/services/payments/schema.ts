// Request and response bodies of the payments service.
import { type Static, Type } from 'multilane';

/** Ids are identity columns, limited to 1..2^53-1 so that a JSON number holds every one exactly. */
export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] });

export const NewPayment = Type.Object(
  {
    orderId: Id,
    amountCents: Type.Integer({ minimum: 1, maximum: 1_000_000_000, examples: [1999] }),
    /** A code of ISO 4217, USD when omitted; rules.ts checks that the code exists. */
    currency: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{3}$',
        description: 'A code of ISO 4217; USD if omitted.',
        examples: ['USD'],
      }),
    ),
    method: Type.Union(
      [
        Type.Literal('tok_ok'),
        Type.Literal('tok_declined'),
        Type.Literal('tok_flaky'),
        Type.Literal('tok_timeout'),
      ],
      { description: 'A test method of the payment provider.' },
    ),
  },
  { $id: 'NewPayment' },
);
export type NewPayment = Static<typeof NewPayment>;

export const Payment = Type.Object(
  {
    id: Id,
    orderId: Id,
    amountCents: Type.Integer({ examples: [1999] }),
    currency: Type.String({ examples: ['USD'] }),
    status: Type.Union([Type.Literal('captured'), Type.Literal('refunded')]),
    createdAt: Type.String({ format: 'date-time', examples: ['2026-01-31T09:30:00.000Z'] }),
  },
  { $id: 'Payment' },
);
export type Payment = Static<typeof Payment>;

/** The idempotency key of a forward call, such as `0197…/capture-payment`. */
export const Key = Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\u0021-\\u007e]+$' });
