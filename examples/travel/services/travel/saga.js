// The trip: a flight, a hotel and a car, or none of them. Unlike the shop's checkout its steps work on the
// service's own database, so the key of a step and its effect share one transaction without any HTTP.
import { defineSaga } from 'multilane';
import { soldOut } from './rules.js';
import { book, unbook } from './store.js';

/** @typedef {import('./rules.js').Kind} Kind */
/** @typedef {import('./rules.js').Trip} Trip */
/** @typedef {{ id: number }} Booked what is remembered of a booking */

/**
 * A step that books one kind of thing.
 * @param {Kind} kind @returns {import('multilane').SagaStep<Trip, import('multilane').SagaContext>}
 */
const booking = (kind) => {
  const name = `book-${kind}`;
  return {
    name,
    async run(trip, { db, key }) {
      // At most once per key, however often the step is retried, by whichever worker.
      const { body } = await db.idempotent({ route: name, key, body: trip }, async (tx) => {
        const booked = await book(tx, kind, trip);
        if (!booked) throw soldOut(kind, trip.destination);
        return { status: 201, body: { id: booked.id } };
      });
      return /** @type {Booked} */ (body);
    },
    async compensate(_trip, { db, sagaId }) {
      // Leaves a tombstone under the forward key: a booking that arrives late is refused.
      await db.compensate({ route: name, key: `${sagaId}/${name}` }, async (tx, done) => {
        if (done) await unbook(tx, /** @type {Booked} */ (done.body).id);
      });
    },
  };
};

export const tripSaga = defineSaga({
  name: 'trip',
  version: 1,
  steps: [booking('flight'), booking('hotel'), booking('car')],
});
