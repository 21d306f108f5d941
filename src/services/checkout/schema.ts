// Request and response bodies of the checkout service.
import { type Static, Type } from 'multilane';

const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const Timestamp = Type.String({ format: 'date-time' });

/**
 * The bounds of the called services, so that input which they would refuse is refused before the saga starts.
 * They are copied, not shared, because each service owns its data.
 */
const NAME = '^(?:[\\ud800-\\udbff][\\udc00-\\udfff]|[^\\u0000-\\u001f\\u007f\\ud800-\\udfff]){1,200}$';

export const Checkout = Type.Object({
  user: Type.Object({
    name: Type.String({ pattern: NAME }),
    email: Type.String({ maxLength: 254, format: 'email' }),
  }),
  item: Type.Object({ productId: Id, quantity: Type.Integer({ minimum: 1, maximum: 1000 }) }),
  payment: Type.Object({
    amountCents: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$' })),
    method: Type.Union([
      Type.Literal('tok_ok'),
      Type.Literal('tok_declined'),
      Type.Literal('tok_flaky'),
      Type.Literal('tok_timeout'),
    ]),
  }),
});
export type Checkout = Static<typeof Checkout>;

const SagaId = Type.String({ format: 'uuid' });

export const BySagaId = Type.Object({ sagaId: SagaId });

export const Completed = Type.Object({
  sagaId: SagaId,
  status: Type.String(),
  userId: Id,
  orderId: Id,
  paymentId: Id,
});
export type Completed = Static<typeof Completed>;

export const Accepted = Type.Object({ sagaId: SagaId, status: Type.String() });
export type Accepted = Static<typeof Accepted>;

export const Progress = Type.Object({
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
});
export type Progress = Static<typeof Progress>;
