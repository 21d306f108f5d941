import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { FILES } from './fixtures/paths.js';

describe('the contents of small files', () => {
  const cluster = useCluster({ config: FILES });
  const textOf = async (url: string): Promise<string> => (await fetch(url)).text();
  const published = async (): Promise<number> => {
    const metrics = await textOf(`${cluster.adminUrl}/metrics`);
    return Number(/^multilane_file_contents_bytes (\d+)$/m.exec(metrics)?.[1]);
  };

  it('are a gauge, in bytes over all workers', async () => {
    expect(await published()).to.equal(0);
    // A worker keeps the file, and publishes that with its next heartbeat.
    let length = 0;
    const request = async (): Promise<number> => {
      length = (await textOf(`${cluster.url}/file`)).length;
      return published();
    };
    expect(await until(request, (bytes) => bytes > 0)).to.be.above(length);
  });
});
