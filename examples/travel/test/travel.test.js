// Tests of the saga on a temporary PostgreSQL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, startPostgres } from 'multilane/testing';

let postgres;
let app;
before(async () => {
  // A server that is there already is used by its URL; otherwise one is started.
  const { TEST_DATABASE_URL } = process.env;
  if (TEST_DATABASE_URL === undefined) postgres = await startPostgres();
  const config = new URL('../multilane.config.js', import.meta.url);
  app = await createTestApp({ config, databaseUrl: TEST_DATABASE_URL ?? postgres.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

const places = async (destination) => {
  const all = (await app.inject('/api/inventory')).json();
  const there = all.filter((row) => row.destination === destination);
  return Object.fromEntries(there.map((row) => [row.kind, row.places]));
};
const book = async (destination, key) => {
  const headers = { 'idempotency-key': key };
  const json = { traveller: 'Ada', destination };
  const started = await app.inject({ method: 'POST', path: '/api/trips', headers, json });
  assert.equal(started.status, 202);
  return (await app.inject({ path: started.headers.location, query: { wait: 10 } })).json();
};

test('books flight, hotel and car, once for one key', async () => {
  const [first, second] = await Promise.all([book('Lisbon', 'trip-1'), book('Lisbon', 'trip-1')]);
  assert.equal(first.status, 'completed');
  assert.deepEqual(Object.keys(first.bookings).sort(), ['book-car', 'book-flight', 'book-hotel']);
  assert.equal(second.sagaId, first.sagaId);
  assert.deepEqual(await places('Lisbon'), { flight: 99, hotel: 99, car: 99 });
});

test('cancels all bookings when one part is sold out', async () => {
  const trip = await book('Oslo', 'trip-2');
  assert.equal(trip.status, 'compensated');
  assert.deepEqual([trip.refusal.step, trip.refusal.code], ['book-hotel', 'SOLD_OUT']);
  assert.deepEqual(await places('Oslo'), { flight: 100, hotel: 0, car: 100 });
});

test('keeps no booking of a cancelled trip', async () => {
  const rows = await app.database('travel').many('select distinct destination from booking');
  assert.deepEqual(rows, [{ destination: 'Lisbon' }]);
});
