import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get, json } from '#test/support/client.js';
import { startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { rollOnce, type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { burnBesideOthers } from './burning.js';
import { STALLS } from './fixtures/paths.js';
import {
  allReadyOf,
  generations,
  replacedOf,
  requestsDumped,
  STALL_MS,
  settled,
  shown,
  stallingCluster,
  WORKERS,
} from './stalling.js';

interface Problem {
  readonly code: string;
}

describe('a handler that stalls the event loop', () => {
  const cluster = stallingCluster();
  /**
   * The thread of a connection. Undefined when it closes the connection behind its response, as a worker
   * with more than its share does.
   */
  const threadOf = async (wire: Wire): Promise<string | undefined> => {
    const response = await wire.request('GET', '/thread');
    return response?.closes === false ? response.body.toString() : undefined;
  };
  /** Opens connections to one worker. */
  const openBeside = async (count: number): Promise<{ victim: Wire; bystanders: Wire[] }> => {
    const victim = await Wire.open(cluster.url);
    const thread = await threadOf(victim);
    if (thread === undefined) return openBeside(count);
    const beside = async (): Promise<Wire> => {
      for (;;) {
        const other = await Wire.open(cluster.url);
        if ((await threadOf(other)) === thread) return other;
        other.destroy();
      }
    };
    const bystanders = await Promise.all(Array.from({ length: count }, beside));
    return { victim, bystanders };
  };
  const allReady = () => allReadyOf(cluster);
  const replacedSince = (before: readonly WorkerView[]) => replacedOf(cluster, before);

  it('gets 500 when it was called by a service in an immediate', async () => {
    const before = await allReady();
    expect((await get(`${cluster.url}/stall/called`)).status).to.be.within(500, 502);
    expect(generations(await replacedSince(before))).to.equal(generations(before) + 1);
  });

  it('harms no other request when it looped synchronously', async () => {
    const before = await allReady();
    const { victim, bystanders } = await openBeside(20);
    const responses = bystanders.map((one) => one.request('GET', '/slow'));
    const stalled = await victim.request('GET', '/stall/handler');
    expect(stalled?.status).to.equal(500);
    for (const response of await Promise.all(responses)) expect(response?.status).to.equal(200);
    for (const one of [victim, ...bystanders]) one.destroy();
    await replacedSince(before);
  });

  for (const path of ['/stall/tenant', '/stall/resource', '/stall/tenant-behind-await']) {
    it(`leaves nothing of its async context to other requests: ${path}`, async () => {
      const before = await allReady();
      const { victim, bystanders } = await openBeside(5);
      const stalled = victim.request('GET', path);
      // The requests wait in their sockets until the loop is interrupted, and are served by the same worker.
      await sleep(STALL_MS / 5);
      const tenants = await Promise.all(bystanders.map((one) => one.request('GET', '/tenant')));
      expect((await stalled)?.status).to.equal(500);
      for (const response of tenants) expect(response?.body.toString()).to.equal('[null,null]');
      for (const one of [victim, ...bystanders]) one.destroy();
      await replacedSince(before);
    });
  }

  it('leads to a response for every other request when it looped after an await', async () => {
    const before = await allReady();
    const { victim, bystanders } = await openBeside(100);
    const responses = bystanders.map((one) => one.request('GET', '/slow'));
    const stalled = await victim.request('GET', '/stall/await');
    const broken = performance.now();
    expect(stalled?.status).to.equal(500);
    for (const response of await Promise.all(responses)) expect(response?.status).to.be.oneOf([200, 500]);
    expect(performance.now() - broken, 'milliseconds until all other responses').to.be.lessThan(1_000);
    for (const one of [victim, ...bystanders]) one.destroy();
    await replacedSince(before);
  });

  it('gets its response, as does the next one, when one loop follows another in the same turn', async () => {
    const before = await allReady();
    const { victim, bystanders: others } = await openBeside(3);
    // The other requests wait in their sockets while the first one loops.
    const first = victim.request('GET', '/stall/await');
    await sleep(STALL_MS / 5);
    const paths = ['/stall/handler', '/stall/regex', '/stall/timer'];
    const responses = await Promise.all([first, ...others.map((one, at) => one.request('GET', paths[at]!))]);
    for (const response of responses) {
      expect(response?.status).to.equal(500);
      expect(JSON.parse(response!.body.toString())).to.include({ code: 'HANDLER_STALLED' });
    }
    for (const one of [victim, ...others]) one.destroy();
    await replacedSince(before);
  });

  it('does not delay requests on other workers', async () => {
    const before = await allReady();
    const victim = await Wire.open(cluster.url);
    const load = keepAliveLoad(cluster.url, ['/thread'], 4);
    await load.answered(20);
    const stalled = await victim.request('GET', '/stall/handler');
    expect(stalled?.status).to.equal(500);
    await load.stop();
    expect(load.account.lost).to.deep.equal([]);
    expect(Object.keys(load.account.statuses)).to.deep.equal(['200']);
    victim.destroy();
    await replacedSince(before);
  });

  for (const [what, path, route, where] of [
    ['a message', '/stall/socket/message', '/stall/socket/{event}', 'elsewhere'],
    ['an open behind an async upgrade', '/stall/socket/open-later', '/stall/socket/{event}', 'continuation'],
    ['an open', '/stall/open', '/stall/open', 'elsewhere'],
  ] as const) {
    it(`closes its WebSocket when it loops in ${what}, and its worker is replaced`, async () => {
      const before = await allReady();
      const client = await WebSocketClient.connect(cluster.url + path);
      client.send('go');
      expect((await client.closed()).code).to.equal(1001);
      const logged = await until(
        () => cluster.logs().filter((entry) => entry.route === route && entry.where === where),
        (lines) => lines.length > 0,
      );
      expect(logged.at(-1)?.msg).to.equal(`handler stalled, interrupted: GET ${route}`);
      expect(generations(await replacedSince(before))).to.equal(generations(before) + 1);
    });
  }

  it('gets a response when a call within the process led to it', async () => {
    const before = await allReady();
    const problem = await json<Problem>(await get(`${cluster.url}/stall/inner`), 500);
    expect(problem.code).to.be.oneOf(['HANDLER_STALLED', 'INTERNAL']);
    await replacedSince(before);
  });

  it('does not keep its worker from ending when it loops in code that runs during a drain', async function () {
    this.timeout(40_000);
    await allReady();
    const wire = await Wire.open(cluster.url);
    const response = wire.request('GET', '/stall/abort');
    await until(
      async () => json<{ inFlight: number }[]>(await get(`${cluster.adminUrl}/workers`)),
      (list) => list.some(({ inFlight }) => inFlight > 0),
    );
    await rollOnce(cluster);
    expect((await response)?.status).to.equal(504);
  });

  it('does not end the process when it returns just while it is interrupted', async function () {
    this.timeout(60_000);
    // The handler loops in a timer, where an interruption that comes too late would hit an active context.
    for (let ms = STALL_MS + 40; ms <= STALL_MS + 100; ms += 30) {
      await allReady();
      expect((await get(`${cluster.url}/busy/${ms}`)).status).to.be.oneOf([200, 500]);
    }
    await allReady();
  });

  it('is the only one that is interrupted, beside short handlers that run just then', async function () {
    this.timeout(60_000);
    await burnBesideOthers(cluster, { workers: WORKERS, stallMs: STALL_MS, stepMs: 20 });
    await allReady();
  });

  it('has not restarted the process in any of these cases', () => {
    expect(cluster.stderr.filter((text) => text.startsWith('multilane ready'))).to.have.length(1);
  });
});

/** Workers of a cluster with WORKERS=2, and those of them that serve while another one is wedged. */
const [PAIR, BESIDE_WEDGED] = WORKERS === 1 ? [1, 0] : [2, 2];

describe('a worker that is stalled in native code', () => {
  it('is not interrupted, is replaced, and ends in order when its event loop runs again', async function () {
    this.timeout(60_000);
    const cluster = await startCluster({
      config: STALLS,
      // The worker has to reach the native code within that time, also on a busy machine.
      env: { STALL_MS: '1000', DRAIN_MS: '1000' },
    });
    try {
      const stuck = await Wire.open(cluster.url);
      const file = join(cluster.dataDir, 'goes-on');
      const response = stuck.request('GET', `/native-until?file=${encodeURIComponent(file)}`);
      const wedged = await until(
        () => workersOf(cluster),
        (list) =>
          list.some(({ state }) => state === 'wedged') &&
          list.filter(({ state }) => state === 'ready').length === BESIDE_WEDGED,
      );
      expect(shown(wedged).filter(({ state }) => state === 'ready')).to.have.length(BESIDE_WEDGED);
      for (const reason of ['stalled', 'wedged']) {
        const [dump, ...others] = requestsDumped(cluster, reason);
        expect(others, reason).to.deep.equal([]);
        expect(dump?.requests[0]).to.deep.equal({ method: 'GET', route: '/native-until', status: null });
      }
      // A listener of its own gets connections as long as it is open.
      if (CORE === 'uws') {
        const load = keepAliveLoad(cluster.url, ['/thread'], 2, { perConnection: 1 });
        await load.answered(50);
        await load.stop();
        expect(load.account.lost).to.deep.equal([]);
      }
      writeFileSync(file, '');
      // The other core lets its thread be terminated, which ends when the native code returns.
      expect((await response)?.status).to.equal({ uws: 200, node: undefined }[CORE]);
      const after = await until(
        () => workersOf(cluster),
        (list) => settled(list, PAIR),
      );
      expect(after.map(({ generation }) => generation)).to.have.members(PAIR === 1 ? [2] : [1, 2]);
      expect((await cluster.stop()).code).to.equal(0);
    } finally {
      await cluster.dispose();
    }
  });
});

describe('a worker that is stalled where it cannot be interrupted', () => {
  for (const [what, path] of [
    ['in code of Node.js', '/queue'],
    ['in ticks of which each schedules another', '/stall/chain/ticks'],
    ['in immediates of which each schedules another', '/stall/chain/immediates'],
  ] as const) {
    it(`is replaced, and gets no new connection: ${what}`, () => isReplaced(path));
  }

  async function isReplaced(path: string): Promise<void> {
    const cluster = await startCluster({ config: STALLS, env: { STALL_MS: '300', DRAIN_MS: '500' } });
    try {
      const stuck = await Wire.open(cluster.url);
      void stuck.request('GET', path).catch(() => undefined);
      const replaced = (list: readonly WorkerView[]): boolean =>
        list.filter(({ state }) => state === 'ready').length === PAIR &&
        list.some(({ generation }) => generation === 2);
      await until(() => workersOf(cluster), replaced);
      const turning = cluster.logs().filter(({ msg }) => /runs again|no longer stalled/.test(String(msg)));
      expect(turning).to.deep.equal([]);
      for (let one = 0; one < 40; one += 1) expect((await get(`${cluster.url}/thread`)).status).to.equal(200);
      stuck.destroy();
    } finally {
      await cluster.dispose();
    }
  }
}).timeout(60_000);
