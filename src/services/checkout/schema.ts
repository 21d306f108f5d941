// Request and response bodies of the checkout service.
import { type Static, Type } from 'multilane';

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, examples: [1] });
const Timestamp = Type.String({ format: 'date-time' });

/**
 * The bounds of the called services, so that input which they would refuse is refused before the saga starts.
 * They are copied, not shared, because each service owns its data.
 */
const NAME = '^(?:[\\ud800-\\udbff][\\udc00-\\udfff]|[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]){1,200}$';

export const Checkout = Type.Object(
  {
    user: Type.Object({
      name: Type.String({ pattern: NAME, examples: ['Ada Lovelace'] }),
      email: Type.String({
        maxLength: 254,
        format: 'email',
        description: 'Unique, whatever its case.',
        examples: ['ada@example.org'],
        'x-vary-example': true,
      }),
    }),
    item: Type.Object({
      productId: Id,
      quantity: Type.Integer({ minimum: 1, maximum: 1000, examples: [2] }),
    }),
    payment: Type.Object({
      amountCents: Type.Integer({ minimum: 1, maximum: 1_000_000_000, examples: [1999] }),
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
        {
          description:
            'A test method of the payment provider. `tok_declined` makes the saga undo everything, `tok_flaky` ' +
            'fails twice before it captures, and `tok_timeout` captures without a response.',
          examples: ['tok_ok'],
        },
      ),
    }),
  },
  { $id: 'Checkout' },
);
export type Checkout = Static<typeof Checkout>;

/** The results of the saga's steps by their names. */
export interface CheckoutResults {
  'create-user': { userId: number };
  'create-order': { orderId: number };
  'capture-payment': { paymentId: number };
  'confirm-order': null;
}

const SagaId = Type.String({ format: 'uuid', examples: ['019a0c3e-7b8e-7c21-9d0f-5b1f2a6c4e10'] });

export const BySagaId = Type.Object({ sagaId: SagaId });

export const Completed = Type.Object(
  {
    sagaId: SagaId,
    status: Type.String({ examples: ['completed'] }),
    userId: Id,
    orderId: Id,
    paymentId: Id,
  },
  { $id: 'CompletedCheckout', description: 'Every step is done.' },
);
export type Completed = Static<typeof Completed>;

export const Accepted = Type.Object(
  { sagaId: SagaId, status: Type.String({ examples: ['running'] }) },
  { $id: 'AcceptedCheckout', description: 'The checkout goes on; `Location` shows its progress.' },
);
export type Accepted = Static<typeof Accepted>;

/** Fields of both responses. */
export const Located = Type.Object({
  location: Type.String({ description: 'The path of the progress.' }),
  'preference-applied': Type.Optional(
    Type.String({ description: 'Answers `Prefer: respond-async` (RFC 7240).' }),
  ),
});

export const Preferences = Type.Object({
  prefer: Type.Optional(
    Type.Unknown({
      type: 'string',
      description: '`respond-async` for 202 at once, without waiting for the end of the saga (RFC 7240).',
    }),
  ),
});

export const Progress = Type.Object(
  {
    sagaId: SagaId,
    saga: Type.String(),
    status: Type.String(),
    steps: Type.Array(
      Type.Object({
        name: Type.String(),
        status: Type.String(),
        attempts: Type.Integer(),
        startedAt: Type.Union([Timestamp, Type.Null()]),
        finishedAt: Type.Union([Timestamp, Type.Null()]),
        error: Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]),
      }),
    ),
  },
  { $id: 'CheckoutProgress' },
);
export type Progress = Static<typeof Progress>;
