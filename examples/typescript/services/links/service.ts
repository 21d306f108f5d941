// The links service: short links, in a PostgreSQL database of its own.
import { defineService } from 'multilane';
import { routes } from './routes.ts';

export const links = defineService({
  name: 'links',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
