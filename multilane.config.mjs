// The project of this repository: the reference shop. `npm start` and `node dist/primary.js` run it here; it
// is not part of the npm package, where `--demo` does the same.
import { defineConfig } from 'multilane';
import { referenceShop } from './dist/services/catalog.js';
import { shopApi } from './dist/services/shop-api.js';

export default defineConfig({ services: referenceShop, openapi: shopApi });
