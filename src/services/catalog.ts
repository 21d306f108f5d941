// The reference shop: the services that run with `--demo`, and in this repository.

import type { ServiceDefinition } from 'multilane';
import { checkout } from './checkout/service.js';
import { orders } from './orders/service.js';
import { payments } from './payments/service.js';
import { users } from './users/service.js';

export const referenceShop: readonly ServiceDefinition[] = [users, orders, payments, checkout];
