// Runs the real process while `Date`, the wall clock of JavaScript, steps back and forth in all of its
// threads. The clock of PostgreSQL does not step here; test/saga/clock.test.ts and clock-postgres.test.ts
// test that.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { get, json, put } from '#test/support/client.js';
import { type Cluster, PRIMARY, startCluster } from '#test/support/cluster.js';
import { answering, TestInstance } from '#test/support/instance.js';
import { reload } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';

const CONFIG = fileURLToPath(new URL('./stepping.config.js', import.meta.url));
const STEP = new URL('./step.js', import.meta.url).href;

interface Worker {
  readonly id: number;
  readonly generation: number;
  readonly state: string;
  readonly loopUtilization: number;
}

interface Instance {
  readonly id: string;
  readonly ejectedUntil: string | null;
}

let cluster: Cluster;
const ask = async <T>(path: string): Promise<T> => json<T>(await get(`${cluster.url}${path}`));
const registered = async (service: string): Promise<readonly Instance[]> => {
  const answer = await get(`${cluster.adminUrl}/registry/v1/services/${service}`);
  return (await json<{ instances: readonly Instance[] }>(answer)).instances;
};
const settled = async (isGood: () => Promise<boolean>): Promise<void> => {
  expect(await until(isGood, Boolean)).to.equal(true);
};

/** The checks, which run concurrently. */
const PARTS: Readonly<Record<string, () => Promise<void>>> = {
  async 'admits what a rate limit admits, and again in time'() {
    const as = async (path: string): Promise<number> =>
      (await get(`${cluster.url}${path}`, { 'x-client': 'one' })).status;
    const twice: number[] = [];
    for (let n = 0; n < 10; n++) twice.push(await as('/twice'));
    expect(twice).to.deep.equal([200, 200, ...Array<number>(8).fill(429)]);
    const begun = performance.now();
    let admitted = 0;
    while (performance.now() - begun < 1_500) {
      if ((await as('/refilled')) === 200) admitted++;
      await sleep(10);
    }
    expect(admitted).to.equal(2);
  },

  async 'lets requests wait for a bulkhead, and ends those that take too long'() {
    const [late, ...few] = await Promise.all([
      get(`${cluster.url}/late`),
      ...Array.from({ length: 30 }, () => get(`${cluster.url}/few`)),
    ]);
    expect(late!.status).to.equal(504);
    expect([...new Set(few.map(({ status }) => status))]).to.deep.equal([200]);
  },

  async 'sends all events of a stream'() {
    const text = await (await get(`${cluster.url}/events`)).text();
    expect(text.match(/data:/g)).to.have.length(10);
  },

  async 'retries steps of sagas, compensates, and lets effects happen once'() {
    expect(await ask('/saga/no')).to.include({ status: 'completed' });
    expect(await ask('/saga/yes')).to.include({ status: 'compensated' });
    const first = await ask('/once/k1');
    expect(await ask('/once/k1')).to.deep.equal(first);
  },

  async 'removes the instance that is not renewed, and keeps the one that is'() {
    const url = `${cluster.adminUrl}/registry/v1/services/timed/instances`;
    const registration = { host: '127.0.0.1', port: 1, ttlSeconds: 1 };
    for (const id of ['kept', 'lost']) await json(await put(`${url}/${id}`, registration), 201);
    await settled(async () => {
      expect((await put(`${url}/kept/heartbeat`)).status).to.equal(204);
      return (await registered('timed')).length === 1;
    });
    expect((await registered('timed')).map(({ id }) => id)).to.deep.equal(['kept']);
  },

  async 'opens breakers and lets probes through, retries, ejects and takes back'() {
    const one = await TestInstance.start(cluster.adminUrl, 'things', 'one');
    const other = await TestInstance.listen('other');
    try {
      let isFirst = true;
      one.behave = (_request, response) => {
        response.statusCode = isFirst ? 503 : 200;
        isFirst = false;
        response.end();
      };
      expect(await ask('/call/2')).to.deep.equal({ status: 200 });
      one.behave = answering(500);
      await settled(async () => (await ask<{ code?: string }>('/call/0')).code === 'BREAKER_OPEN');
      one.behave = answering(200);
      await settled(async () => (await ask<{ status?: number }>('/call/0')).status === 200);
      const registration = { host: '127.0.0.1', port: other.port, ttlSeconds: 3600 };
      await put(`${cluster.adminUrl}/registry/v1/services/things/instances/other`, registration);
      other.behave = answering(503);
      const ejected = async (): Promise<number> =>
        (await registered('things')).filter(({ ejectedUntil }) => ejectedUntil !== null).length;
      await settled(async () => {
        await ask('/call/0');
        return (await ejected()) === 1;
      });
      other.behave = answering(200);
      await settled(async () => (await ejected()) === 0);
    } finally {
      one.stop();
      other.stop();
    }
  },
};

describe('a process whose Date steps back and forth by an hour and by a day', () => {
  const running = new Map<string, Promise<void>>();
  before(async function () {
    this.timeout(60_000);
    const env = {
      BREAKER_OPEN_MS: '300',
      EJECTION_MS: '300',
      STALL_MS: '500',
      WORKER_HEAP_MB: '64',
      DRAIN_MS: '300',
    };
    cluster = await startCluster({
      config: CONFIG,
      found: 'server',
      entry: ['--import', STEP, PRIMARY],
      env,
    });
    for (const [title, part] of Object.entries(PARTS)) {
      const run = part();
      run.catch(() => undefined); // its test fails
      running.set(title, run);
    }
  });
  after(async function () {
    this.timeout(60_000);
    await cluster?.dispose();
  });

  const workers = async (): Promise<readonly Worker[]> => json(await get(`${cluster.adminUrl}/workers`));
  /** The generations of the workers when none is being replaced. */
  const generations = async (): Promise<readonly number[]> => {
    const all = await until(
      workers,
      (seen) => seen.length === 2 && seen.every(({ state }) => state === 'ready'),
    );
    return all.map(({ generation }) => generation);
  };
  const becomes = async (isGood: (all: readonly number[]) => boolean): Promise<void> => {
    expect(await until(generations, isGood)).to.satisfy(isGood);
  };

  it('has a stepping Date', async () => {
    const times: number[] = [];
    const span = async (): Promise<number> => {
      times.push(Date.parse((await ask<{ timestamp: string }>('/health')).timestamp));
      return Math.max(...times) - Math.min(...times);
    };
    const twoDaysMs = 2 * 24 * 3_600_000;
    expect(await until(span, (ms) => ms >= twoDaysMs)).to.be.at.least(twoDaysMs);
  });

  for (const title of Object.keys(PARTS)) {
    it(title, () => running.get(title)).timeout(30_000);
  }

  it('keeps reporting what its loops do', async () => {
    for (const { loopUtilization } of await workers()) expect(loopUtilization).to.be.within(0, 1);
  });

  it('interrupts a stalled handler once', async () => {
    expect((await get(`${cluster.url}/stand`)).status).to.equal(500);
    const stalls = (): number =>
      cluster.logs().filter(({ msg }) => String(msg).startsWith('handler stalled')).length;
    expect(await until(stalls, (count) => count > 0)).to.equal(1);
    await generations();
    expect(stalls()).to.equal(1);
  }).timeout(30_000);

  it('replaces a worker whose heap exceeds its limit', async () => {
    const before = await generations();
    for (let time = 0; time < 3; time++) await get(`${cluster.url}/leak`);
    await becomes((all) => all.some((generation, index) => generation > before[index]!));
  }).timeout(30_000);

  it('replaces all workers at every reload', async () => {
    for (let time = 0; time < 2; time++) {
      const before = await generations();
      expect((await reload(cluster)).status).to.equal(202);
      await becomes((all) => all.every((generation, index) => generation > before[index]!));
    }
  }).timeout(30_000);

  it('ends gracefully', async () => {
    expect(await cluster.stop()).to.deep.equal({ code: 0, signal: null });
  }).timeout(30_000);
});
