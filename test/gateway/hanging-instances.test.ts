// Instances that hang at any point of a response, in front of clients that wait or leave: what the client
// gets, what counts for the breaker and the ejection, and that nothing stays held.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import type { BreakerState } from '#src/resilience/breaker-contract.js';
import { HANGS_MS } from '#src/upstream/verdict.js';
import { onCores } from '#test/server/cores.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { type GatewayBench, type GatewayBenchOptions, startGateway } from './kit.js';

const [SIZED, CHUNKED] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
] as const;
/** What instances send before they hang. */
const BEFORE_BODY = {
  'before the head': '',
  'after a head with a length': SIZED,
  'after a chunked head': CHUNKED,
};
const IN_BODY = {
  'in the middle of a known length': `${SIZED}abc`,
  'in the middle of a chunked body': `${CHUNKED}3\r\nabc\r\n`,
  'in the middle of a chunk': `${CHUNKED}9\r\nabc`,
};
const EVENTS = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const EVENT = '9\r\ndata: 1\n\n\r\n';
const SHORT_MS = 250;

onCores('an instance behind the gateway that hangs', (core) => {
  const upstreams = new RealUpstreams();
  let gateway: GatewayBench;
  let instance: Endpoint;
  let requests: Socket[];
  let wire: Wire;

  /** @param text what the instance sends for each request */
  async function start(text: string, options: Partial<GatewayBenchOptions> = {}): Promise<void> {
    requests = [];
    const port = await upstreams.serveRaw((socket) => {
      requests.push(socket);
      socket.write(text);
    });
    instance = endpoint('far', { slot: 1, port });
    // One address may hold a single connection, so one that stayed held would refuse the next request.
    gateway = await startGateway({ core, endpoints: [instance], connections: 2, ...options });
    wire = await Wire.open(gateway.url);
  }
  afterEach(async () => {
    wire.destroy();
    await gateway.close();
    await upstreams.close();
  });

  const counted = () => {
    const { calls, failures } = gateway.breaker.state(1) as Extract<BreakerState, { state: 'closed' }>;
    return { calls, failures, reached: gateway.reached.join() };
  };

  async function expectNothingHeld(): Promise<void> {
    const held = () => [gateway.inFlight(instance), gateway.quotas.streams.held, upstreams.sockets.size];
    expect(
      await until(held, ([calls, streams, sockets]) => calls === 0 && streams === 0 && sockets === 0),
    ).to.deep.equal([0, 0, 0]);
    const again = await Wire.open(gateway.url);
    void again.request('GET', '/svc/things/');
    await until(
      () => requests.length,
      (count) => count === 2,
    );
    expect(gateway.refusals()).to.equal(0);
    again.destroy();
  }

  /** Has a client leave when the instance has had its request for this time. */
  async function leave(method: string, body: string, patienceMs: number): Promise<void> {
    void wire.request(method, '/svc/things/', [], body);
    await until(
      () => requests.length,
      (count) => count === 1,
    );
    await sleep(patienceMs);
    wire.destroy();
    await until(
      () => gateway.inFlight(instance),
      (calls) => calls === 0,
    );
  }

  for (const [method, body] of [
    ['GET', ''],
    ['POST', 'body'],
  ] as const) {
    for (const [point, text] of Object.entries(BEFORE_BODY)) {
      it(`is late for a client that waits, and has failed: ${method}, ${point}`, async () => {
        await start(text, { policy: { timeoutMs: SHORT_MS } });
        const response = await wire.request(method, '/svc/things/', [], body);
        expect(response?.status).to.equal(504);
        expect(String(response?.body)).to.include('DEADLINE_EXCEEDED');
        expect(counted()).to.deep.equal({ calls: 1, failures: 1, reached: 'failure' });
        await expectNothingHeld();
      });

      for (const patienceMs of [0, 1.2 * HANGS_MS])
        it(`is compared with others when its client leaves: ${method}, ${point}, ${patienceMs} ms`, async () => {
          await start(text);
          await leave(method, body, patienceMs);
          expect(counted()).to.deep.equal({ calls: 0, failures: 0, reached: 'unanswered' });
          await expectNothingHeld();
        });
    }

    for (const [point, text] of Object.entries(IN_BODY)) {
      it(`cuts off a client that waits, and has failed: ${method}, ${point}`, async () => {
        await start(text, { silentMs: SHORT_MS });
        expect(await wire.request(method, '/svc/things/', [], body)).to.equal(undefined);
        expect(wire.rest).to.match(/^HTTP\/1.1 200 [\s\S]*abc/);
        expect(counted()).to.deep.equal({ calls: 1, failures: 1, reached: 'failure' });
        await expectNothingHeld();
      });

      it(`is compared with others when its client leaves: ${method}, ${point}`, async () => {
        await start(text);
        await leave(method, body, 1.2 * HANGS_MS);
        expect(counted()).to.deep.equal({ calls: 0, failures: 0, reached: 'unanswered' });
        await expectNothingHeld();
      });

      it(`has responded when its client leaves at once: ${method}, ${point}`, async () => {
        await start(text);
        await leave(method, body, 0);
        expect(counted()).to.include({ failures: 0, reached: 'success' });
        await expectNothingHeld();
      });
    }
  }

  it('only pauses where what it sends are events, however long its client waits', async () => {
    const short = { policy: { timeoutMs: SHORT_MS }, silentMs: SHORT_MS };
    await start(EVENTS, short);
    const response = wire.request('GET', '/svc/things/');
    for (let sent = 0; sent < 2; sent++) {
      await sleep(3 * SHORT_MS);
      requests[0]!.write(EVENT);
    }
    requests[0]!.write('0\r\n\r\n');
    expect(String((await response)?.body)).to.equal(':\n\ndata: 1\n\ndata: 1\n\n');
    expect(counted()).to.deep.equal({ calls: 1, failures: 0, reached: 'success' });
  });

  it('has responded where what it sends are events and its client leaves', async () => {
    await start(EVENTS);
    await leave('GET', '', 1.2 * HANGS_MS);
    expect(counted()).to.deep.equal({ calls: 1, failures: 0, reached: 'success' });
    await expectNothingHeld();
  });
});

onCores('an instance behind the gateway that leaves after its head', (core) => {
  const upstreams = new RealUpstreams();
  let gateway: GatewayBench;
  beforeEach(async () => {
    const broken = await upstreams.serveRaw((socket) => socket.end(SIZED));
    const sound = await upstreams.serve((request, response) => {
      request.resume().on('end', () => response.end('sound'));
    });
    const endpoints = [endpoint('a', { slot: 1, port: broken }), endpoint('b', { slot: 2, port: sound })];
    gateway = await startGateway({ core, endpoints });
  });
  afterEach(async () => {
    await gateway.close();
    await upstreams.close();
  });

  it('has its request repeated where that may be executed twice', async () => {
    const response = await fetch(`${gateway.url}/svc/things/`);
    expect(`${response.status} ${await response.text()}`).to.equal('200 sound');
  });

  it('has failed otherwise', async () => {
    const response = await fetch(`${gateway.url}/svc/things/`, { method: 'POST', body: 'x' });
    expect(response.status).to.equal(502);
    expect(gateway.reached).to.deep.equal(['failure']);
  });
});
