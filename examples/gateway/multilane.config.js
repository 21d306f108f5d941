// One address for services in several languages: the gateway passes `/svc/NAME/…` on, and a service here calls them by name.
import { defineConfig, defineService, NotFoundError } from 'multilane';

const shop = defineService({
  name: 'shop',
  routes(app, { call, log }) {
    app.get('/offers/:id(\\d{1,9})', { summary: 'An item with its stock and its price' }, async (ctx) => {
      const { id } = ctx.params;
      const [item, price] = await Promise.all([call('inventory').get(`/items/${id}`), priceOf(id)]);
      if (item.status === 404) throw new NotFoundError('No item has this id.');
      return { ...item.json(), price };
    });

    /** An offer without a price is better than none: the service may be down. @param {string} id */
    async function priceOf(id) {
      try {
        const response = await call('prices').get(`/prices/${id}`, { timeoutMs: 500 });
        return response.status === 200 ? response.json().cents : null;
      } catch (error) {
        log.warn({ err: error, id }, 'no price; responding without it');
        return null;
      }
    }
  },
});

export default defineConfig({
  services: [shop],
  // Only these services can be reached from outside. Each client address has a limit of its own for each.
  gateway: { inventory: { timeoutMs: 2000, rateLimit: '50/second' }, prices: {} },
});
