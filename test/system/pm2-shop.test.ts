import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { signalIfAlive } from '#src/process/process-identity.js';
import { json, post, unique, uniqueEmail } from '#test/support/client.js';
import { killStorm, type Victim } from '#test/support/kill-storm.js';
import { Pm2 } from '#test/support/pm2.js';
import { newSeed } from '#test/support/random.js';
import { checkoutBody } from '#test/support/shop-messages.js';
import { Wire } from '#test/support/wire.js';

const CLIENTS = 4;
const SERVING_AGAIN_MS = 2000;

const checkout = (): string => JSON.stringify(checkoutBody('tok_ok'));

/** Checkouts one after the other, on connections that are kept; every one must get 201. */
function buying(url: string): { stop(): Promise<{ readonly done: number; readonly faults: string[] }> } {
  let stopped = false;
  let done = 0;
  const faults: string[] = [];
  const client = async (): Promise<void> => {
    while (!stopped) {
      const wire = await Wire.open(url);
      for (let closes = false; !closes && !stopped; ) {
        const fields = ['Content-Type: application/json', `Idempotency-Key: ${unique('reload')}`];
        const response = await wire.request('POST', '/api/checkout', fields, checkout());
        if (response?.status === 201) done += 1;
        else
          faults.push(
            response === undefined ? 'no response' : `${response.status} ${response.body.toString()}`,
          );
        closes = response?.closes ?? true;
      }
      wire.destroy();
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    async stop() {
      stopped = true;
      await clients;
      return { done, faults };
    },
  };
}

const postmaster = ({ dataDir }: Pm2): string | undefined =>
  readFileSync(join(dataDir, 'pg/data/postmaster.pid'), 'utf8').split('\n')[0];

describe('the reference shop under pm2', () => {
  const seed = newSeed();
  it(`loses no read and no checkout in a reload, and keeps its PostgreSQL (seed ${seed})`, async function () {
    this.timeout(120_000);
    const pm2 = await Pm2.start();
    try {
      const user = { name: 'Ada', email: uniqueEmail() };
      const { id } = await json<{ id: number }>(await post(`${pm2.url}/api/users`, user), 201);
      const before = postmaster(pm2);
      const buyers = buying(pm2.url);
      const accounts = await pm2.reloadUnderLoad(`/api/users/${id}`, seed);
      const { done, faults } = await buyers.stop();
      expect(faults).to.deep.equal([]);
      expect(done).to.be.greaterThan(0);
      for (const { lost, refused, statuses } of accounts) {
        expect(lost).to.deep.equal([]);
        expect(refused).to.equal(0);
        expect(Object.keys(statuses)).to.deep.equal(['200']);
      }
      expect(pm2.readyLines).to.equal(2);
      expect(postmaster(pm2)).to.equal(before);
      await pm2.command('stop', 'multilane');
      expect(pm2.leftovers().filter((line) => !line.includes('God Daemon'))).to.deep.equal([]);
    } finally {
      await pm2.dispose();
    }
  });

  it(`serves again after a kill -9, and every saga ends (seed ${seed})`, async function () {
    this.timeout(180_000);
    const outages: number[] = [];
    const report = await killStorm(1, seed, async () => victim(await Pm2.start(), outages));
    expect(report.faults, JSON.stringify(report, null, 2)).to.deep.equal([]);
    for (const outage of outages) expect(outage).to.be.lessThan(SERVING_AGAIN_MS);
  });
});

/** A shop that is killed by its pid and restarted by pm2. */
function victim(pm2: Pm2, outages: number[]): Victim {
  const one: Victim = {
    url: pm2.url,
    dataDir: pm2.dataDir,
    async killAndRestart() {
      const { pid } = await pm2.app();
      const lives = pm2.readyLines;
      const took = await pm2.outage('/api/users/1/orders', pid, () => signalIfAlive(pid, 'SIGKILL'));
      outages.push(took);
      await pm2.readyAgain(lives + 1);
      return one;
    },
    dispose: () => pm2.dispose(),
  };
  return one;
}
