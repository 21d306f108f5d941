// Tasks run on a real thread, also in a test without a socket.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';
import { iterations } from '../mandelbrot.js';

let app;
before(async () => {
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(() => app?.close());

/** Far more work than a test can wait for. */
const LONG = { width: 2000, depth: 20_000 };

test('the set has its centre, and not what is far away', () => {
  assert.equal(iterations(0, 0, 100), 100);
  assert.equal(iterations(2, 2, 100), 1);
});

test('an image is a PNG of the size that was requested', async () => {
  const response = await app.inject('/fractal.png?width=90&depth=50');
  const bytes = Buffer.from(response.bytes());
  assert.equal(response.headers['content-type'], 'image/png');
  assert.equal(bytes.toString('latin1', 1, 4), 'PNG');
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [90, 60]);
});

test('the image comes with its progress', async () => {
  const { body } = await app.stream('/render?width=64&depth=100');
  const text = await textOf(body);
  assert.match(text, /^event: image\ndata: data:image\/png;base64,iVBORw0KGgo/m);
});

test('requests are served while a long task runs, and its client may cancel it', async () => {
  const { body } = await app.stream({ path: '/render', query: LONG });
  for await (const piece of body) {
    if (!piece.toString().includes('event: progress')) continue;
    assert.equal((await app.inject('/ping')).text(), 'pong');
    break; // the client leaves
  }
  // The next task gets the thread.
  assert.equal((await app.inject('/fractal.png?width=16&depth=1')).status, 200);
});

test('what would cost too much is refused', async () => {
  assert.equal((await app.inject('/fractal.png?width=100000')).status, 422);
});

async function textOf(body) {
  let text = '';
  for await (const piece of body) text += piece;
  return text;
}
