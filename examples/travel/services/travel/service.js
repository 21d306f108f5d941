// The travel service: sells trips as flight, hotel and car together, or not at all.
import { defineService } from 'multilane';
import { routes } from './routes.js';
import { tripSaga } from './saga.js';

export const travel = defineService({
  name: 'travel',
  migrations: new URL('./migrations/', import.meta.url),
  sagas: [tripSaga],
  routes,
});
