// The saga of a trip: it books a flight, a hotel and a car, or none of them. Its steps work on the service's
// own database, so the key of a step and its effect are stored in one transaction.
import { defineSaga } from 'multilane';
import { soldOut } from './rules.js';
import { book, unbook } from './store.js';

/** @typedef {import('./rules.js').Kind} Kind */
/** @typedef {import('./rules.js').Trip} Trip */
/** @typedef {{ id: number }} Booked the stored result of a booking */

/**
 * A step that books one kind of thing.
 * @param {Kind} kind @returns {import('multilane').SagaStep<Trip, import('multilane').SagaContext>}
 */
const booking = (kind) => {
  const name = `book-${kind}`;
  return {
    name,
    async run(trip, { db, key }) {
      // The effect happens at most once for a key, however often and in whichever worker the step is retried.
      const { body } = await db.idempotent({ route: name, key, body: trip }, async (tx) => {
        const booked = await book(tx, kind, trip);
        if (!booked) throw soldOut(kind, trip.destination);
        return { status: 201, body: { id: booked.id } };
      });
      return /** @type {Booked} */ (body);
    },
    async compensate(_trip, { db, sagaId }) {
      // Stores a tombstone under the forward key, so that a booking that arrives late is refused.
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
