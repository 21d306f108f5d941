// The offers, with the services in other languages replaced.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestApp } from 'multilane/testing';

const config = new URL('../multilane.config.js', import.meta.url);

/** Requests an offer. @param services functions by name that respond to a path, or throw */
async function offer(services) {
  const call = (name) => ({ get: async (path) => services[name](path) });
  const app = await createTestApp({ config, deps: { shop: { call } } });
  const response = await app.inject('/offers/7');
  await app.close();
  return response;
}
const found = (value) => () => ({ status: 200, json: () => value });
const unknown = () => ({ status: 404, json: () => ({}) });

test('an offer has the item and its price', async () => {
  const response = await offer({ inventory: found({ id: 7, stock: 3 }), prices: found({ cents: 199 }) });
  assert.deepEqual(response.json(), { id: 7, stock: 3, price: 199 });
});

test('an offer has no price while the service of prices does not respond', async () => {
  const down = () => {
    throw new Error('connection refused');
  };
  for (const prices of [down, unknown]) {
    const response = await offer({ inventory: found({ id: 7 }), prices });
    assert.deepEqual(response.json(), { id: 7, price: null });
  }
});

test('an item that is not in the inventory has no offer', async () => {
  assert.equal((await offer({ inventory: unknown, prices: unknown })).status, 404);
});
