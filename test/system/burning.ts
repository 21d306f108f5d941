// A handler that returns at about the moment at which it is interrupted, beside requests that must not
// be interrupted.
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
  /** The difference between the durations of two successive handlers. */
  readonly stepMs: number;
}

/** Runs such handlers one after the other, which take 30 to 130 ms longer than STALL_MS. */
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
