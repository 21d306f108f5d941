// A handler that ends by itself about the moment in which it is interrupted, beside requests that are not to
// be.
import { expect } from 'chai';
import { get } from '#test/support/client.js';
import type { Cluster } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';

export interface Burning {
  /** WORKERS of the process. */
  readonly workers: number;
  /** STALL_MS of the process. */
  readonly stallMs: number;
  /** By how much each handler is longer than the one before. */
  readonly stepMs: number;
}

/** Such handlers one after the other, from 30 to 130 ms longer than STALL_MS. */
export async function burnBesideOthers(
  cluster: Cluster,
  { workers, stallMs, stepMs }: Burning,
): Promise<void> {
  const load = keepAliveLoad(cluster.url, ['/thread'], 8);
  await load.answered(20);
  for (let ms = stallMs + 30; ms <= stallMs + 130; ms += stepMs) {
    await until(
      () => workersOf(cluster),
      (list) => list.length === workers && list.every(({ state }) => state === 'ready'),
    );
    expect((await get(`${cluster.url}/burn/${ms}`)).status).to.be.oneOf([200, 500]);
  }
  await load.stop();
  expect(Object.keys(load.account.statuses)).to.deep.equal(['200']);
}
