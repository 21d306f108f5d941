// The checkout service: the saga over users, orders and payments. Its database is the saga journal alone.
import { defineService } from 'multilane';
import { routes } from './routes.js';
import { checkoutSaga } from './saga.js';

export const checkout = defineService({ name: 'checkout', sagas: [checkoutSaga], routes });
