// Sagas that the compiler must accept, and the types that it must infer. The build compiles this file, and
// nothing in it is run.
import { defineSaga, defineService, type Sagas, type SagaView } from 'multilane';
import { assertType, type Equal } from './equal.js';

interface Trip {
  readonly city: string;
  readonly nights?: number;
}
interface Booking {
  readonly room: number;
  readonly at: string;
}
interface Results {
  readonly book: Booking;
  readonly pay: { readonly paymentId: string };
  readonly confirm: null;
}
declare const booking: Booking;

export const trip = defineSaga<Trip, Results>({
  name: 'trip',
  version: 1,
  steps: [
    {
      name: 'book',
      run: ({ city }) => ({ room: city.length, at: new Date().toISOString() }),
      resolve: async () => ({ done: booking }),
    },
    {
      name: 'pay',
      run: async (_, { results }) => ({ paymentId: `for ${results.book.room}` }),
      compensate: (_, { results }) => void results.book,
    },
    { name: 'confirm', run: async () => {} },
  ],
});

/** Without types of results they are any JSON, and interfaces are. */
export const loose = defineSaga<Trip>({
  name: 'loose',
  version: 1,
  steps: [
    { name: 'book', run: () => booking, resolve: async () => ({ done: booking }) },
    { name: 'log', run: (_, { results }) => void results.book },
  ],
});

export const travel = defineService({
  name: 'travel',
  sagas: [trip, loose],
  routes: (app) => app.get('/', () => 1),
});

export async function use(sagas: Sagas, city: Trip): Promise<unknown> {
  const { sagaId } = await sagas.start(trip, { city: 'Rome' }, { idempotencyKey: 'k' });
  const view = await sagas.wait(sagaId, { timeoutMs: 5 });
  if (view.status === 'completed') assertType<Equal<typeof view.results, Readonly<Results>>>();
  else assertType<Equal<typeof view.results.pay, { readonly paymentId: string } | undefined>>();
  const id: string = sagaId;
  const untyped: SagaView = await sagas.get(id);
  await sagas.start('trip', city);
  await sagas.start(loose, city);
  return untyped.results.anything;
}
