// Mistakes in sagas that the compiler reports, as in mistakes-of-routes.ts.
import { defineSaga, type Sagas } from 'multilane';

interface Trip {
  readonly city: string;
}
interface Results {
  readonly book: { readonly room: number };
  readonly pay: { readonly paymentId: string };
}

const trip = defineSaga<Trip, Results>({
  name: 'trip',
  version: 1,
  steps: [
    { name: 'book', run: ({ city }) => ({ room: city.length }) },
    // @ts-expect-error Property 'bok' does not exist on type 'Readonly<Results>'
    { name: 'pay', run: (_, ctx) => ({ paymentId: String(ctx.results.bok) }) },
  ],
});

export const others = [
  defineSaga<Trip, Results>({
    name: 'a',
    version: 1,
    // @ts-expect-error '"bok"' is not assignable to type '"book" | "pay"'
    steps: [{ name: 'bok', run: () => ({ room: 1 }) }],
  }),
  defineSaga<Trip, Results>({
    name: 'b',
    version: 1,
    // @ts-expect-error 'string' is not assignable to type 'number'
    steps: [{ name: 'book', run: () => ({ room: '1' }) }],
  }),
];

export async function use(sagas: Sagas): Promise<unknown> {
  // @ts-expect-error Did you mean to write 'city'?
  await sagas.start(trip, { citty: 'Rome' });
  // @ts-expect-error 'idempotency' does not exist in type
  await sagas.start(trip, { city: 'Rome' }, { idempotency: 'k' });
  const { sagaId } = await sagas.start(trip, { city: 'Rome' });
  const view = await sagas.wait(sagaId, { timeoutMs: 5 });
  // @ts-expect-error 'view.results.book' is possibly 'undefined'
  if (view.status === 'compensated') return view.results.book.room;
  // @ts-expect-error Property 'paid' does not exist
  return view.results.paid;
}
