// The users service: who they are. Its orders belong to another service and are asked for by call.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const users = defineService({
  name: 'users',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
