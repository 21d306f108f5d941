// The secrets that an instance registered by a delegate gets with its calls, and what it can reach with them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { meshTokens } from '#src/mesh-token.js';
import { get, json } from '#test/support/client.js';
import { TestInstance } from '#test/support/instance.js';
import { expectProblem } from '#test/support/problem.js';
import { useCluster } from '#test/support/use-cluster.js';
import { CALLING } from './fixtures/paths.js';

const SECRET = 'mesh-secret-of-at-least-32-characters';
const DELEGATE = 'delegate-token-of-at-least-32-characters';

describe('an instance that a delegate registered', () => {
  let folder: string;
  let instance: TestInstance;
  /** The header fields of the calls that the instance got. */
  const received: Record<string, unknown>[] = [];
  const cluster = useCluster(() => {
    folder = mkdtempSync(join(tmpdir(), 'multilane-mesh-'));
    const file = join(folder, 'tokens');
    writeFileSync(file, `${DELEGATE} things\n`);
    return { config: CALLING, env: { MESH_TOKEN: SECRET, REGISTRY_ACCEPT_TOKENS_FILE: file } };
  });
  before(async () => {
    instance = await TestInstance.listen('a');
    instance.behave = (request, response) => {
      received.push(request.headers);
      response.end();
    };
    const registered = await fetch(`${cluster.adminUrl}/registry/v1/services/things/instances/a`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${DELEGATE}`, 'content-type': 'application/json' },
      body: JSON.stringify({ host: '127.0.0.1', port: instance.port, ttlSeconds: 3600 }),
    });
    await json(registered, 201);
  });
  after(() => {
    instance.stop();
    rmSync(folder, { recursive: true });
  });

  it('gets the mesh token of its own service and never the secret', async () => {
    expect(await json(await get(`${cluster.url}/call/things/x`))).to.include({ status: 200 });
    expect(received.map((fields) => fields['x-mesh-token'])).to.deep.equal([meshTokens(SECRET)('things')]);
    expect(JSON.stringify(received)).not.to.include(SECRET);
  });

  it('reaches no internal route of another service with that token', async () => {
    const ask = (value: string) => get(`${cluster.url}/vault`, { 'x-mesh-token': value });
    await expectProblem(await ask(String(received[0]!['x-mesh-token'])), 404, 'ROUTE_NOT_FOUND');
    await expectProblem(await ask(SECRET), 404, 'ROUTE_NOT_FOUND');
    expect(await (await ask(meshTokens(SECRET)('vault'))).text()).to.equal('gold');
  });
});
