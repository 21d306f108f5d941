// Uploads and downloads without a socket, in a folder of their own.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createTestApp } from 'multilane/testing';

const PNG = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  Buffer.alloc(100_000, 'x'),
]);
const folder = mkdtempSync(join(tmpdir(), 'upload-'));
let app;
before(async () => {
  // The module reads it when it is loaded.
  process.env.FILES_DIR = folder;
  app = await createTestApp({ config: new URL('../multilane.config.js', import.meta.url) });
});
after(async () => {
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a form as a browser does. */
async function upload(bytes) {
  const form = new FormData();
  form.set('file', new Blob([bytes]), '../holiday.png');
  const request = new Request('http://localhost/', { method: 'POST', body: form });
  const headers = { 'content-type': request.headers.get('content-type') };
  const body = new Uint8Array(await request.arrayBuffer());
  return app.inject({ method: 'POST', path: '/files', headers, body });
}

test('a file is stored under a name that its client has not chosen, once', async () => {
  const [first, second] = [await upload(PNG), await upload(PNG)];
  assert.deepEqual([first.status, first.json().type, first.json().bytes], [201, 'image/png', PNG.length]);
  assert.equal(second.json().name, first.json().name);
  assert.deepEqual((await app.inject('/files')).json(), [first.json().name]);
  assert.ok(PNG.equals((await app.inject(first.headers.location)).bytes()));
});

test('a part of a file can be downloaded', async () => {
  const path = (await upload(PNG)).headers.location;
  const part = await app.inject({ path, headers: { range: 'bytes=1-3' } });
  assert.deepEqual(
    [part.status, part.headers['content-range'], part.text()],
    [206, `bytes 1-3/${PNG.length}`, 'PNG'],
  );
});

test('a file of another type is refused, whatever its name, and leaves nothing behind', async () => {
  const before = readdirSync(folder);
  for (const bytes of [Buffer.alloc(100_000, 'x'), Buffer.from('MZ'), Buffer.alloc(0)]) {
    const refused = await upload(bytes);
    assert.deepEqual([refused.status, refused.json().code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  }
  assert.deepEqual(readdirSync(folder), before);
});

test('a file that is too large is refused, and leaves nothing behind', async () => {
  const before = readdirSync(folder);
  const refused = await upload(Buffer.concat([PNG, Buffer.alloc(50 * 1024 * 1024)]));
  assert.deepEqual([refused.status, refused.json().code], [413, 'BODY_TOO_LARGE']);
  assert.deepEqual(readdirSync(folder), before);
});

test('a form without a file is refused, and so is a body that is no form', async () => {
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const body = '--x\r\ncontent-disposition: form-data; name="title"\r\n\r\nOne\r\n--x--\r\n';
  assert.equal(
    (await app.inject({ method: 'POST', path: '/files', headers, body })).json().code,
    'MALFORMED_BODY',
  );
  assert.equal((await app.inject({ method: 'POST', path: '/files', json: {} })).status, 415);
});
