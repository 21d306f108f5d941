import { expect } from 'chai';
import { useCluster } from '#test/support/use-cluster.js';
import { get, json } from '../support/client.js';
import { until } from '../support/until.js';
import { Wire } from '../support/wire.js';
import { BOUNDED } from './fixtures/paths.js';

interface Limits {
  readonly bulkheads: readonly { readonly name: string; readonly held: number }[];
}

describe('maxConcurrent over two workers', () => {
  const cluster = useCluster({ config: BOUNDED });
  const held = async (): Promise<number | undefined> => {
    const { bulkheads } = await json<Limits>(await get(`${cluster.adminUrl}/limits`));
    return bulkheads.find(({ name }) => name === 'route bounded GET /hang')?.held;
  };

  it('is one limit for both, and the permits of a lost worker are released', async () => {
    const wires = await Promise.all(Array.from({ length: 3 }, () => Wire.open(cluster.url)));
    for (const wire of wires) wire.write('GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(await until(held, (count) => count === 3)).to.equal(3);
    const refused = await get(`${cluster.url}/hang`);
    expect([refused.status, refused.headers.get('retry-after')]).to.deep.equal([503, '1']);
    // The crashes are repeated until both workers have been hit.
    const crash = async (): Promise<number | undefined> => {
      await get(`${cluster.url}/crash`, { connection: 'close' }).catch(() => undefined);
      return held();
    };
    expect(await until(crash, (count) => count === 0)).to.equal(0);
  });
});
