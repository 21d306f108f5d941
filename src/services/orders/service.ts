// The orders service: orders and their invoices. It knows users by their ids only.
import { defineService } from 'multilane';
import { routes } from './routes.js';
import { rpcHandlers } from './rpc.js';

export const orders = defineService({
  name: 'orders',
  migrations: new URL('./migrations/', import.meta.url),
  tasks: new URL('./tasks.js', import.meta.url),
  routes,
  grpc: { proto: new URL('./orders.proto', import.meta.url), handlers: rpcHandlers },
});
