// The notes service: a REST API over a PostgreSQL database of its own.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const notes = defineService({
  name: 'notes',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
