// The orders service: what was ordered, by whom, and its invoice. Users are known by id only.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const orders = defineService({
  name: 'orders',
  migrations: new URL('./migrations/', import.meta.url),
  tasks: new URL('./tasks.js', import.meta.url),
  routes,
});
