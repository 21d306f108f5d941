// The checkout service: a saga over users, orders and payments. Its database holds the saga journal only.
import { defineService } from 'multilane';
import { routes } from './routes.js';
import { checkoutSaga } from './saga.js';

export const checkout = defineService({ name: 'checkout', sagas: [checkoutSaga], routes });
