import { once } from 'node:events';
import { expect } from 'chai';
import { frameOf } from '#src/server/grpc/rpc-frames.js';
import { until } from '#test/support/until.js';
import { endOf, Http2Clients, SERVICE, trailersOf } from './http2-clients.js';
import { EVERYTHING, type RpcBench, rpcBench } from './kit.js';

const CHECK = '/grpc.health.v1.Health/Check';
const LIST = '/grpc.health.v1.Health/List';
const WATCH = '/grpc.health.v1.Health/Watch';
const REFLECT = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
const EMPTY = frameOf(new Uint8Array(0));

describe('the services of the gRPC library', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  const serve = async (...args: Parameters<typeof rpcBench>): Promise<RpcBench> => {
    bench = await rpcBench(...args);
    return bench;
  };
  const call: Http2Clients['request'] = (...args) => clients.request(...args);
  const released = async (): Promise<void> => {
    const { bodies, bodyBytes, streams } = bench!.quotas;
    await until(
      () => bodies.held + bodyBytes.held + streams.held,
      (held) => held === 0,
    );
  };
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('answer with the library', async () => {
    await serve({}, { reflection: [EVERYTHING] });
    const session = clients.session(bench!.port);
    const check = call(session, CHECK);
    check.end(EMPTY);
    expect((await endOf(check))[0]).to.equal(0);
    const watch = call(session, WATCH);
    watch.end(EMPTY);
    await once(watch, 'data');
    const reflect = call(session, REFLECT);
    reflect.end(frameOf(Buffer.from([0x3a, 0])));
    expect((await endOf(reflect))[0]).to.equal(0);
    clients.close();
    await released();
  });

  it('take short messages only', async () => {
    const { observer } = await serve({}, { reflection: [EVERYTHING] });
    const session = clients.session(bench!.port);
    for (const path of [CHECK, WATCH, REFLECT]) {
      const one = call(session, path);
      one.write(frameOf(new Uint8Array(5000)).subarray(0, 100));
      expect(await endOf(one)).to.deep.equal([8, 'BODY_TOO_LARGE']);
    }
    expect(observer.refusals).to.deep.equal(Array(3).fill('body_too_large'));
    await released();
  });

  it('count the messages that a client has sent and that they have not read, however short', async () => {
    await serve(
      {},
      { reflection: [EVERYTHING], quotas: { bodyBytes: [500_000, 500_000] as const } as never },
    );
    const session = clients.session(bench!.port, { settings: { initialWindowSize: 0 } });
    const many = Buffer.concat(Array<Uint8Array>(3_000).fill(EMPTY));
    const floods = Array.from({ length: 10 }, () => {
      const one = call(session, REFLECT);
      one.write(many);
      return endOf(one);
    });
    expect(await Promise.any(floods)).to.deep.equal([14, 'OVERLOADED']);
    clients.close();
    await released();
  });

  it('do not wait for ever', async () => {
    await serve({}, { server: { requestTimeoutMs: 50 } });
    for (const path of [CHECK, LIST, WATCH]) {
      for (const sent of [[], EMPTY.subarray(0, 3), EMPTY, [...EMPTY, 0]]) {
        const one = call(clients.session(bench!.port), path);
        one.write(Uint8Array.from(sent));
        expect(await endOf(one)).to.deep.equal([4, 'BODY_TIMEOUT']);
      }
    }
    await released();
  });

  /** How a client ends that asks for more than the flow control lets pass, and what it gets. */
  const flood = async (isReading: boolean): Promise<readonly [end: string, responses: number]> => {
    await serve({}, { reflection: [EVERYTHING], server: { streamIdleMs: 200 } });
    const initialWindowSize = isReading ? 65_535 : 0;
    const session = clients.session(bench!.port, { settings: { initialWindowSize } });
    const one = call(session, REFLECT);
    let bytes = 0;
    one.on('data', (piece: Uint8Array) => {
      bytes += piece.byteLength;
    });
    const listOfServices = frameOf(Buffer.from([0x3a, 0]));
    const isRead = new Promise<string>((resolve) => {
      one.write(Buffer.concat(Array<Uint8Array>(20_000).fill(listOfServices)), () => resolve('read'));
    });
    const end = await Promise.race([isRead, once(one, 'close').then(() => `reset: ${one.rstCode}`)]);
    return [end, bytes];
  };

  it('read no more than their client takes, and cut one that takes nothing', async () => {
    expect(await flood(false)).to.deep.equal(['reset: 8', 0]);
    await released();
  });

  it('read everything of a client that takes the responses', async () => {
    const [end, bytes] = await flood(true);
    expect(end).to.equal('read');
    expect(bytes).to.be.greaterThan(0);
  });

  it('refuse what is too long also behind a response', async () => {
    await serve({}, { reflection: [EVERYTHING] });
    const one = call(clients.session(bench!.port), REFLECT);
    const ended = endOf(one);
    const data = once(one, 'data');
    one.write(frameOf(Buffer.from([0x3a, 0])));
    await data;
    one.write(frameOf(new Uint8Array(5000)).subarray(0, 100));
    expect(await ended).to.deep.equal([8, 'BODY_TOO_LARGE']);
    one.end();
    await released();
  });

  it('count as pending requests and as streams', async () => {
    const quotas = { bodies: [2, 2] as const, streams: [3, 3] as const };
    await serve({}, { quotas: quotas as never });
    const session = clients.session(bench!.port);
    for (let i = 0; i < 3; i++) {
      const watch = call(session, WATCH);
      watch.end(EMPTY);
      await once(watch, 'data');
    }
    expect(bench!.quotas.streams.held).to.equal(3);
    const fourth = call(session, WATCH);
    fourth.end(EMPTY);
    expect(await endOf(fourth)).to.deep.equal([14, 'OVERLOADED']);
    const waiting = [call(session, CHECK), call(session, CHECK)];
    for (const one of waiting) one.write(EMPTY.subarray(0, 2));
    await until(
      () => bench!.quotas.bodies.held,
      (held) => held === 2,
    );
    const third = call(session, CHECK);
    third.write(EMPTY.subarray(0, 2));
    expect(await endOf(third)).to.deep.equal([14, 'OVERLOADED']);
    // The bytes that a probe sends at once, which are those of real clients, arrive within a turn.
    const probe = call(session, CHECK);
    probe.end(EMPTY);
    expect((await endOf(probe))[0]).to.equal(0);
    clients.close();
    await released();
  });
});

describe('a gRPC method that does not exist', () => {
  let bench: RpcBench | undefined;
  const clients = new Http2Clients();
  afterEach(() => {
    clients.close();
    bench?.close();
  });

  it('is counted, and is refused with trailers, before its request arrives', async () => {
    bench = await rpcBench({});
    const one = clients.request(clients.session(bench.port), '/no.such/Method');
    expect(await endOf(one)).to.deep.equal([12, 'ROUTE_NOT_FOUND']);
    await bench.observer.ended(1);
    expect(bench.observer.seen[0]).to.include({
      method: 'GRPC',
      template: undefined,
      error: 'ROUTE_NOT_FOUND',
    });
  });

  it('is charged to the common rate limit', async () => {
    bench = await rpcBench({}, { rateLimit: { count: 1, periodMs: 60_000, burst: 1 } });
    const session = clients.session(bench.port);
    const codes: unknown[] = [];
    for (let i = 0; i < 2; i++) codes.push((await endOf(clients.request(session, '/no.such/Method')))[1]);
    expect(codes).to.deep.equal(['ROUTE_NOT_FOUND', 'RATE_LIMITED']);
  });

  it('looks like an internal method to strangers, whatever they send of their request', async () => {
    bench = await rpcBench({ Get: { internal: true, handler: () => expect.fail('it ran') } });
    const session = clients.session(bench.port);
    const ends: unknown[] = [];
    for (const method of ['Get', 'Nope'])
      for (const bytes of [undefined, new Uint8Array(0), EMPTY.subarray(0, 3), EMPTY]) {
        const one = clients.request(session, method);
        if (bytes !== undefined) one.end(bytes);
        const {
          date: _,
          'x-multilane-problem-bin': __,
          'x-request-id': ___,
          ...fields
        } = await trailersOf(one);
        ends.push({ ...fields });
      }
    expect(ends[0]).to.include({ 'grpc-status': '12', 'x-multilane-code': 'ROUTE_NOT_FOUND' });
    for (const one of ends) expect(one).to.deep.equal(ends[0]);
  });
});

describe('a refusal of a gRPC call before its request has arrived', () => {
  it('is counted for its method', async () => {
    const clients = new Http2Clients();
    const bench = await rpcBench({}, { server: { requestTimeoutMs: 50, maxHeaderBytes: 2000 } });
    try {
      const session = clients.session(bench.port);
      await endOf(clients.request(session, 'Get'));
      await endOf(clients.request(session, 'Get', { 'x-large': 'x'.repeat(3000) }));
      await bench.observer.ended(2);
      const template = `${SERVICE}Get`;
      expect(bench.observer.seen.map((one) => [one.template, one.error])).to.deep.equal([
        [template, 'BODY_TIMEOUT'],
        [template, 'HEADERS_TOO_LARGE'],
      ]);
    } finally {
      clients.close();
      bench.close();
    }
  });
});
