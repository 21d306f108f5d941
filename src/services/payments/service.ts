// The payments service: captures and refunds through a provider that is simulated by its test methods.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const payments = defineService({
  name: 'payments',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
