// Tests of the service on a temporary PostgreSQL, without a socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp, startPostgres, type TestApp, type TestPostgres } from 'multilane/testing';

let postgres: TestPostgres | undefined;
let app: TestApp;
before(async () => {
  // A server that is there already is used by its URL; otherwise one is started.
  const { TEST_DATABASE_URL } = process.env;
  if (TEST_DATABASE_URL === undefined) postgres = await startPostgres();
  const config = new URL('../multilane.config.ts', import.meta.url);
  app = await createTestApp({ config, databaseUrl: TEST_DATABASE_URL ?? postgres!.url });
});
after(async () => {
  await app?.close();
  await postgres?.stop();
});

const shorten = (target: string) => app.inject({ method: 'POST', path: '/links', json: { target } });

test('a link leads to its target, and counts its visits', async () => {
  const created = await shorten('https://example.org/a');
  assert.equal(created.status, 201);
  const visited = await app.inject(created.headers.location!);
  assert.deepEqual([visited.status, visited.headers.location], [302, 'https://example.org/a']);
  const { code } = created.json() as { code: string };
  assert.deepEqual((await app.inject(`/links/${code}`)).json(), {
    code,
    target: 'https://example.org/a',
    visits: 1,
  });
});

test('the same target has the same code', async () => {
  const [one, two] = [await shorten('https://example.org/b'), await shorten('https://example.org/b')];
  assert.deepEqual(two.json(), one.json());
});

test('a target that is no link of the web is refused', async () => {
  for (const target of ['javascript:alert(1)', 'no link']) assert.equal((await shorten(target)).status, 422);
});

test('an unknown code is 404', async () => {
  assert.equal((await app.inject('/unknown')).status, 404);
});
