// What the OpenAPI document says of the reference shop as a whole.
import type { OpenApiOptions } from 'multilane';

export const shopApi: OpenApiOptions = {
  title: 'Reference shop',
  version: '1.0.0',
  description:
    'Four services with four databases: users, orders, payments, and checkout, a saga over the other three. ' +
    'Errors are problem documents (RFC 9457) with a stable `code`.',
  tags: [
    { name: 'checkout', description: 'All steps of a purchase, or none' },
    { name: 'users', description: 'Names and e-mail addresses' },
    { name: 'orders', description: 'Orders, invoices and the sales report' },
    { name: 'payments', description: 'Captured payments' },
    { name: 'system', description: 'Probes of load balancers, and this document' },
  ],
};
