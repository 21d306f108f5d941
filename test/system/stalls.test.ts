import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { get, json, post } from '#test/support/client.js';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { keepAliveLoad } from '#test/support/keep-alive-load.js';
import { rollOnce, type WorkerView, workersOf } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { burnBesideOthers } from './burning.js';
import { STALLS } from './fixtures/paths.js';

const STALL_MS = 500;
/** Large enough that a worker has served for longer than its backoff when its turn to stall comes again. */
const WORKERS = 4;

interface Problem {
  readonly code: string;
}
interface Recorded {
  readonly method: string;
  readonly route: string | null;
  readonly status: number | null;
}

const shown = (list: readonly WorkerView[]) =>
  list.map(({ id, generation, state }) => ({ id, generation, state }));
const settled = (list: readonly WorkerView[], workers: number): boolean =>
  list.length === workers && list.every(({ state }) => state === 'ready');

/** The requests that the log lists for workers in trouble, by method, route and status. */
const requestsDumped = (cluster: Cluster, reason: string) =>
  cluster
    .logs()
    .filter(
      (line) =>
        /^recent requests of worker \d+ \(flight record\)$/.test(String(line.msg)) && line.reason === reason,
    )
    .map(({ worker, generation, requests }) => ({
      worker,
      generation,
      requests: (requests as Recorded[]).map(({ method, route, status }) => ({ method, route, status })),
    }));

describe('a handler that stalls the event loop', () => {
  const cluster = useCluster({
    config: STALLS,
    // With the limit, the hundred requests beside a stall would be rejected where other programs use the
    // core.
    env: {
      WORKERS: String(WORKERS),
      STALL_MS: String(STALL_MS),
      DRAIN_MS: '500',
      ADAPTIVE_LIMIT: 'off',
    },
  });

  /** Opens a connection to the worker of `wire`. */
  const beside = async (wire: Wire): Promise<Wire> => {
    const thread = async (one: Wire) => (await one.request('GET', '/thread'))?.body.toString();
    const wanted = await thread(wire);
    for (;;) {
      const other = await Wire.open(cluster.url);
      if ((await thread(other)) === wanted) return other;
      other.destroy();
    }
  };
  const allReady = () =>
    until(
      () => workersOf(cluster),
      (list) => settled(list, WORKERS),
    );
  const generations = (list: readonly WorkerView[]) => list.reduce((sum, one) => sum + one.generation, 0);
  /** An interrupted worker stays in rotation for a moment, until it reports that it drains. */
  const replacedSince = (before: readonly WorkerView[]) =>
    until(
      () => workersOf(cluster),
      (list) => settled(list, WORKERS) && generations(list) > generations(before),
    );
  const line = (text: string) =>
    until(
      () => cluster.logs().find(({ msg }) => String(msg).includes(text)),
      (found) => found !== undefined,
    );

  const dumped = (reason: string) => requestsDumped(cluster, reason);

  for (const [what, method, path, where] of [
    ['synchronously', 'GET', '/stall/handler', 'request'],
    ['synchronously before its body is there', 'POST', '/stall/handler-before-body', 'request'],
    ['in a regular expression', 'GET', '/stall/regex', 'request'],
    ['in the check of its schema', 'GET', `/stall/schema?n=x&p=${'a'.repeat(40)}!`, 'request'],
    ['in the serializer of its response', 'GET', '/stall/serializer', 'request'],
    ['behind an await', 'GET', '/stall/await', 'continuation'],
    ['behind its body', 'POST', '/stall/body', 'continuation'],
    ['behind the check of its body', 'POST', '/stall/checked-body', 'continuation'],
    ['in the check of its body', 'POST', '/stall/body-schema', 'continuation'],
    ['in a timer', 'GET', '/stall/timer', 'continuation'],
    ['in an immediate', 'GET', '/stall/immediate', 'continuation'],
    ['in the second of two immediates', 'GET', '/stall/second-immediate', 'continuation'],
    ['in a tick', 'GET', '/stall/tick', 'continuation'],
    ['in ticks without end', 'GET', '/stall/ticks', 'continuation'],
    ['in awaits without end', 'GET', '/stall/awaits', 'continuation'],
    ['in code that was made from a text', 'GET', '/stall/evaluated', 'continuation'],
    ['in an event listener', 'GET', '/stall/event', 'continuation'],
    ['in a callback of fs', 'GET', '/stall/file', 'continuation'],
  ] as const) {
    const [route] = path.split('?');
    it(`gets 500 HANDLER_STALLED when it loops ${what}, and its worker is replaced`, async () => {
      const before = await allReady();
      const began = performance.now();
      const response = await (method === 'GET' ? get : post)(`${cluster.url}${path}`, {} as never);
      const took = performance.now() - began;
      expect((await json<Problem>(response, 500)).code).to.equal('HANDLER_STALLED');
      expect(took).to.be.greaterThan(STALL_MS);

      const logged = await line(`interrupted: ${method} ${route}`);
      expect(logged).to.include({ where, route });
      expect(logged?.stack).to.be.an('array').with.property('length').above(0);
      expect(dumped('stalled').at(-1)?.requests).to.deep.include({ method, route, status: null });
      expect(generations(await replacedSince(before))).to.equal(generations(before) + 1);
    });
  }

  const CHUNKED = 'Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  for (const [how, packets] of [
    ['in one packet', [`${CHUNKED}2\r\n{}\r\n0\r\n\r\n`]],
    ['in two packets', [`${CHUNKED}2\r\n{}\r\n`, '0\r\n\r\n']],
  ] as const) {
    for (const path of ['/stall/checked-body', '/stall/body-schema', '/stall/resource-behind-body']) {
      it(`gets 500 when its body comes in chunks, ${how}: ${path}`, async () => {
        const before = await allReady();
        const wire = await Wire.open(cluster.url);
        wire.write(`POST ${path} HTTP/1.1\r\n`);
        for (const packet of packets) {
          wire.write(packet);
          await sleep(20);
        }
        expect((await wire.response())?.status).to.equal(500);
        wire.destroy();
        expect(generations(await replacedSince(before))).to.equal(generations(before) + 1);
      });
    }
  }

  it('gets 500 when it was called by a service in an immediate', async () => {
    const before = await allReady();
    expect((await get(`${cluster.url}/stall/called`)).status).to.be.within(500, 502);
    expect(generations(await replacedSince(before))).to.equal(generations(before) + 1);
  });

  it('is counted by route in multilane_handler_stalls_total, and its restart by reason', async () => {
    const metrics = await (await get(`${cluster.adminUrl}/metrics`)).text();
    expect(metrics).to.match(/^multilane_handler_stalls_total\{route="\/stall\/handler"\} 1$/m);
    // A stall that was found only at a second try, in a thread given up by then, has another reason; and on a
    // shared machine more than these loops may have stalled a worker.
    const restarts = [...metrics.matchAll(/^multilane_worker_restarts_total\{reason="(\w+)"\} (\d+)$/gm)];
    expect(restarts.map(([, reason]) => reason)).to.include('stalled');
    expect(restarts.reduce((sum, [, , count]) => sum + Number(count), 0)).to.be.at.least(15);
  });

  it('harms no other request when it looped synchronously', async () => {
    const before = await allReady();
    const victim = await Wire.open(cluster.url);
    const bystanders = await Promise.all(Array.from({ length: 20 }, () => beside(victim)));
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
      const victim = await Wire.open(cluster.url);
      const bystanders = await Promise.all(Array.from({ length: 5 }, () => beside(victim)));
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
    const victim = await Wire.open(cluster.url);
    const bystanders = await Promise.all(Array.from({ length: 100 }, () => beside(victim)));
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
    const victim = await Wire.open(cluster.url);
    const others = await Promise.all(Array.from({ length: 3 }, () => beside(victim)));
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
    ['a message', '/stall/socket/message', '/stall/socket/:event', 'elsewhere'],
    ['an open behind an async upgrade', '/stall/socket/open-later', '/stall/socket/:event', 'continuation'],
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

describe('a worker that is stalled in native code', () => {
  it('is not interrupted, is replaced, and ends in order when its event loop runs again', async function () {
    this.timeout(30_000);
    const cluster = await startCluster({
      config: STALLS,
      env: { STALL_MS: '300', DRAIN_MS: '1000' },
    });
    try {
      const stuck = await Wire.open(cluster.url);
      const file = join(cluster.dataDir, 'goes-on');
      const response = stuck.request('GET', `/native-until?file=${encodeURIComponent(file)}`);
      const wedged = await until(
        () => workersOf(cluster),
        (list) =>
          list.some(({ state }) => state === 'wedged') &&
          list.filter(({ state }) => state === 'ready').length === 2,
      );
      expect(shown(wedged).filter(({ state }) => state === 'ready')).to.have.length(2);
      for (const reason of ['stalled', 'wedged']) {
        const [dump, ...others] = requestsDumped(cluster, reason);
        expect(others, reason).to.deep.equal([]);
        expect(dump?.requests[0]).to.deep.equal({ method: 'GET', route: '/native-until', status: null });
      }
      const load = keepAliveLoad(cluster.url, ['/thread'], 2, { perConnection: 1 });
      await load.answered(50);
      await load.stop();
      expect(load.account.lost).to.deep.equal([]);
      writeFileSync(file, '');
      expect((await response)?.status, 'the waiting request gets its response after all').to.equal(200);
      const after = await until(
        () => workersOf(cluster),
        (list) => settled(list, 2),
      );
      expect(after.map(({ generation }) => generation)).to.have.members([1, 2]);
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
        list.filter(({ state }) => state === 'ready').length === 2 &&
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
