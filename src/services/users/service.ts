// The users service: names and e-mail addresses. Their orders belong to another service and are fetched by
// call.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const users = defineService({
  name: 'users',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
