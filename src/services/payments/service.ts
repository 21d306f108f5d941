// The payments service: it captures and refunds payments. Test methods simulate the provider.
import { defineService } from 'multilane';
import { routes } from './routes.js';

export const payments = defineService({
  name: 'payments',
  migrations: new URL('./migrations/', import.meta.url),
  routes,
});
