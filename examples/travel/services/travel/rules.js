// The rules of trips, without I/O.
import { BusinessError } from 'multilane';

/** @typedef {'flight' | 'hotel' | 'car'} Kind */
/** @typedef {{ traveller: string, destination: string }} Trip */

/** @param {Kind} kind @param {string} destination */
export const soldOut = (kind, destination) =>
  new BusinessError('SOLD_OUT', `There is no ${kind} left in ${destination}.`, { status: 409 });

/**
 * A trip in a response.
 * @param {import('multilane').SagaView} saga
 */
export const tripOf = ({ sagaId, status, results, error }) => ({
  sagaId,
  status,
  bookings: status === 'completed' ? results : null,
  refusal: error && { step: error.failedStep, code: error.code, message: error.message },
});
