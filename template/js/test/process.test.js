// Tests of the whole process, as it runs in production, on free ports.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startCluster } from 'multilane/testing';

let cluster;
before(async () => {
  const config = new URL('../multilane.config.js', import.meta.url);
  cluster = await startCluster({ config, settings: { workers: 1 } });
});
after(() => cluster?.stop());

test('the process is ready and serves requests', async () => {
  const response = await fetch(`${cluster.url}/hello/Ada`);
  assert.deepEqual(await response.json(), { greeting: 'Hello, Ada!' });
  assert.equal((await fetch(`${cluster.adminUrl}/readyz`)).status, 200);
});
