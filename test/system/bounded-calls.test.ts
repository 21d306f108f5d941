// What calls may use of a process: connections to an instance, and memory for responses that arrive.
import type { ServerResponse } from 'node:http';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { silent, TestInstance } from '#test/support/instance.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { BOUNDED_CALLS } from './fixtures/paths.js';

const MIB = 1024 * 1024;
const CALLS = 4;

interface Result {
  readonly result: string;
  readonly message?: string;
}

describe('calls of a process', () => {
  const env = { WORKERS: '1', MAX_BUFFERED_BODY_BYTES: String(16 * MIB), REQUEST_TIMEOUT_MS: '25000' };
  const cluster = useCluster({ config: BOUNDED_CALLS, env });
  let instance: TestInstance | undefined;
  afterEach(() => instance?.stop());

  const call = async (service: string, query = ''): Promise<Result> =>
    json<Result>(await get(`${cluster.url}/call/${service}${query}`));
  const metric = async (name: string): Promise<number> => {
    const metrics = await (await fetch(`${cluster.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1]);
  };

  it('wait for a connection beyond the option of their service, and are counted', async () => {
    instance = await TestInstance.start(cluster.adminUrl, 'things', 'one');
    const held: ServerResponse[] = [];
    instance.behave = (_request, response) => void held.push(response);
    const calls = Array.from({ length: CALLS }, () => call('things'));
    const waiting = () => metric('multilane_calls_waiting');
    await until(waiting, (count) => count === CALLS - 1);
    expect(instance.received).to.equal(1);
    const { result, message } = await call('things', '?timeoutMs=300');
    expect(result).to.equal('DEADLINE_EXCEEDED');
    expect(message).to.match(/the 1 connections of this worker .* upstreams\.things admits more\.$/);
    instance.behave = (_request, response) => response.end();
    held[0]!.end();
    expect((await Promise.all(calls)).map((each) => each.result)).to.deep.equal(Array(CALLS).fill('200'));
    await until(waiting, (count) => count === 0);
  });

  it('hold no more bytes of responses than one client may, and release them', async () => {
    instance = await TestInstance.start(cluster.adminUrl, 'files', 'one');
    instance.behave = (request, response) => {
      response.writeHead(200, { 'content-length': 8 * MIB });
      response.write(Buffer.alloc(2 * MIB));
      silent(request, response);
    };
    const most = (16 * MIB * 7) / 16;
    const calls = Array.from({ length: CALLS }, () => call('files'));
    const held = () => metric('multilane_buffered_body_bytes');
    await until(held, (bytes) => bytes >= 2 * MIB);
    const refused = await Promise.race(calls);
    expect(refused.result).to.equal('OVERLOADED');
    expect(refused.message).to.include('MAX_BUFFERED_BODY_BYTES');
    expect(await held()).to.be.at.most(most);
    instance.stop();
    const results = (await Promise.all(calls)).map((each) => each.result);
    expect(new Set(results)).to.deep.equal(new Set(['OVERLOADED', 'BAD_UPSTREAM']));
    await until(held, (bytes) => bytes === 0);
  });

  for (const [change, path] of [
    ['PUT', '/drain'],
    ['DELETE', ''],
  ] as const)
    it(`wait for no instance that takes no more of them, also where no further call is made: ${change}`, async () => {
      const instances = `${cluster.adminUrl}/registry/v1/services/things/instances`;
      const registered = await json<{ instances: { id: string }[] }>(
        await get(`${cluster.adminUrl}/registry/v1/services/things`),
      );
      for (const { id } of registered.instances) await fetch(`${instances}/${id}`, { method: 'DELETE' });
      const full = await TestInstance.start(cluster.adminUrl, 'things', `full-${change}`);
      instance = full;
      full.behave = silent;
      const calls = Array.from({ length: CALLS }, () => call('things'));
      await until(
        () => metric('multilane_calls_waiting'),
        (count) => count === CALLS - 1,
      );
      const idle = await TestInstance.start(cluster.adminUrl, 'things', `idle-${change}`);
      await fetch(`${instances}/${full.id}${path}`, { method: change });
      await until(
        () => idle.received,
        (count) => count === CALLS - 1,
      );
      full.stop();
      idle.stop();
      const results = (await Promise.all(calls)).map((each) => each.result).sort();
      expect(results).to.deep.equal([...Array(CALLS - 1).fill('200'), 'BAD_UPSTREAM']);
      expect(full.received).to.equal(1);
    });
});
