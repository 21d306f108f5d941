// The whole process, as it runs in production, on free ports.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const manifest = createRequire(import.meta.url).resolve('multilane/package.json');
const MULTILANE = join(dirname(manifest), 'dist/cli.js');
const PROJECT = fileURLToPath(new URL('..', import.meta.url));

let child;
let url;

before(async () => {
  const args = [MULTILANE, 'start', '--port', '0', '--admin-port', '0', '--workers', '1'];
  child = spawn(process.execPath, args, { cwd: PROJECT, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) {
    url = /^multilane ready (\S+)/.exec(line)?.[1];
    if (url !== undefined) return;
    console.error(line);
  }
  throw new Error('multilane has not started');
});

after(async () => {
  if (child.exitCode !== null) return;
  child.kill();
  await once(child, 'exit');
});

test('GET /hello/:name greets', async () => {
  const answer = await fetch(`${url}/hello/Ada?language=de`);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { greeting: 'Hallo, Ada!' });
});

test('an unknown path is a problem document', async () => {
  const answer = await fetch(`${url}/nobody`);
  assert.equal(answer.status, 404);
  assert.equal((await answer.json()).code, 'ROUTE_NOT_FOUND');
});
