// The mounted application, as a client sees it, without a socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

const config = new URL('../multilane.config.js', import.meta.url);
let app;
before(async () => {
  app = await createTestApp({ config });
});
after(() => app?.close());

test('the application has its own routes, middleware and errors', async () => {
  const origin = 'https://library.example';
  const listed = await app.inject({ path: '/books?since=1990', headers: { origin } });
  assert.equal(listed.json().length, 2);
  assert.equal(listed.headers['access-control-allow-origin'], origin);
  assert.match(listed.headers['server-timing'], /total/);

  const refused = await app.inject('/books?since=x');
  assert.deepEqual([refused.status, refused.json()], [400, { error: 'since has to be a year' }]);
  assert.equal((await app.inject('/books/9999999999999')).json().error, 'There is no such book.');
});

test('the application calls a service of the process', async () => {
  const headers = { 'x-request-id': 'r-1' };
  const book = (await app.inject({ path: '/books/9780201896831', headers })).json();
  assert.deepEqual([book.copies, book.requestId], [3, 'r-1']);
});

test('a service that is not available is a problem document of Multilane', async () => {
  const call = () => ({ get: () => Promise.reject(new Error('no stock')) });
  const alone = await createTestApp({ config, deps: { library: { call } } });
  const response = await alone.inject('/books/9780201896831');
  assert.deepEqual([response.status, response.json().code], [500, 'INTERNAL']);
  await alone.close();
});

test('native routes win, and limits hold around the application', async () => {
  assert.equal((await app.inject('/books/about')).json().servedBy, 'a native route');
  assert.match((await app.inject('/books')).headers['ratelimit-policy'], /q=20;w=1/);
});
