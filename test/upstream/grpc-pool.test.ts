// How the calls of a thread share the connections to one endpoint, seen from the peer.
import { EventEmitter, on, once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { expect } from 'chai';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import type { GrpcChannelOptions } from '#src/upstream/grpc-channel.js';
import { DisplacedError } from '#src/upstream/transport-errors.js';
import { until } from '#test/support/until.js';
import { type Http2Peer, http2Peer, respond, tcpPeer } from './rpc-peer.js';
import { type Sender, type SentCall, senderTo } from './rpc-sender.js';

const OK = { 'grpc-status': '0' };
const MOST_CONNECTIONS = 16;
const finish = (stream: ServerHttp2Stream): void => respond(stream, [Buffer.alloc(0)], OK);

describe('the connections of a thread to one instance of gRPC', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  interface Held extends Sender {
    readonly peer: Http2Peer;
    /** The streams that the peer has got, in their order. */
    readonly streams: ServerHttp2Stream[];
    readonly timeouts: string[];
    readonly arrived: (count: number) => Promise<void>;
    readonly sendMany: (count: number) => SentCall[];
  }

  /** A peer that responds to no call by itself, and admits so many on a connection. */
  async function heldCalls(admitted: number, options: Partial<GrpcChannelOptions> = {}): Promise<Held> {
    const streams: ServerHttp2Stream[] = [];
    const timeouts: string[] = [];
    const arrivals = new EventEmitter();
    const peer = await http2Peer(
      (stream, headers) => {
        streams.push(stream);
        timeouts.push(headers['grpc-timeout']!);
        arrivals.emit('stream');
      },
      { maxConcurrentStreams: admitted },
    );
    closers.push(() => peer.close());
    const sender = senderTo(peer.port, options);
    closers.push(() => sender.transport.close());
    const arrived = async (count: number): Promise<void> => {
      if (streams.length >= count) return;
      for await (const _ of on(arrivals, 'stream')) if (streams.length >= count) return;
    };
    const sendMany = (count: number): SentCall[] => Array.from({ length: count }, () => sender.send());
    return { ...sender, peer, streams, timeouts, arrived, sendMany };
  }

  const sessionsOf = (streams: readonly ServerHttp2Stream[]) =>
    new Set(streams.map(({ session }) => session));

  it('are bounded with those that end with their calls, and calls wait until one has ended', async () => {
    const { streams, arrived, send } = await heldCalls(100);
    const running: SentCall[] = [];
    for (let n = 1; n <= MOST_CONNECTIONS; n += 1) {
      running.push(send());
      await arrived(n);
      // The connection takes no more calls, and this one goes on. The client has heard of it before it
      // responds.
      streams.at(-1)!.session!.goaway(0);
      await new Promise((responded) => streams.at(-1)!.session!.ping(responded));
    }
    // Its deadline shows nothing about the instance, which has not got it.
    const late = send();
    late.abort.abort(new DeadlineExceededError());
    expect(await late.verdict).to.include({ outcome: 'ignored', reached: 'ignored' });
    const waiting = send();
    await new Promise((responded) => streams[0]!.session!.ping(responded));
    expect([streams.length, new Set(streams.map(({ session }) => session)).size]).to.deep.equal([
      MOST_CONNECTIONS,
      MOST_CONNECTIONS,
    ]);
    finish(streams[0]!);
    await running[0]!.end;
    await arrived(MOST_CONNECTIONS + 1);
    finish(streams.at(-1)!);
    expect(await waiting.end).to.equal(200);
  });

  for (const [admitted, calls] of [
    [1, 5],
    [3, 12],
    [100, 250],
  ] as const)
    it(`are as many as ${calls} calls need when each admits ${admitted}`, async () => {
      const { sendMany, streams, arrived } = await heldCalls(admitted);
      const sent = sendMany(calls);
      await arrived(calls);
      expect(sessionsOf(streams).size).to.equal(Math.ceil(calls / admitted));
      for (const stream of streams) finish(stream);
      for (const { end } of sent) expect(await end).to.equal(200);
    });

  it('are one when the peer admits any number of calls', async () => {
    const { sendMany, streams, arrived } = await heldCalls(2 ** 31 - 1);
    const sent = sendMany(500);
    await arrived(500);
    expect(sessionsOf(streams).size).to.equal(1);
    for (const stream of streams) finish(stream);
    for (const { end } of sent) expect(await end).to.equal(200);
  });

  it(`are ${MOST_CONNECTIONS} at most, and further calls begin in their order when others end`, async () => {
    const { sendMany, streams, arrived, peer } = await heldCalls(1);
    const first = sendMany(MOST_CONNECTIONS);
    await arrived(MOST_CONNECTIONS);
    const further = sendMany(20);
    for (let served = 0; served < further.length; served++) {
      finish(streams[served]!);
      await arrived(MOST_CONNECTIONS + served + 1);
    }
    expect(peer.sessions.size).to.equal(MOST_CONNECTIONS);
    // Those that came first have ended first.
    for (const { end } of [...first, ...further.slice(0, 20 - MOST_CONNECTIONS)])
      expect(await end).to.equal(200);
    expect(streams).to.have.length(MOST_CONNECTIONS + 20);
  });

  for (const end of ['lost', 'closed by the peer'] as const)
    it(`take calls while one of them has room, when another one is ${end} and cannot be made again`, async () => {
      const { sendMany, arrived, streams, peer, send } = await heldCalls(1);
      const running = sendMany(2);
      await arrived(2);
      const [first, second] = streams.map(({ session }) => session!);
      finish(streams[1]!);
      expect(await running[1]!.end).to.equal(200);
      peer.server.maxConnections = 1;
      const closed = once(first!, 'close');
      if (end === 'lost') {
        first!.destroy();
        expect(await running[0]!.end).not.to.equal(200);
      } else {
        first!.close();
        finish(streams[0]!);
        expect(await running[0]!.end).to.equal(200);
      }
      await closed;
      for (let n = 0; n < 20; n++) {
        const call = send();
        await arrived(3 + n);
        expect(streams[2 + n]!.session).to.equal(second);
        finish(streams[2 + n]!);
        expect(await call.end).to.equal(200);
      }
    });

  it('show nothing about the instance for calls that begin at their deadline', async () => {
    const { sendMany, arrived, send, streams } = await heldCalls(1);
    const running = sendMany(MOST_CONNECTIONS);
    await arrived(MOST_CONNECTIONS);
    const waiting = Array.from({ length: 100 }, () => send({ deadline: Deadline.after(200) }));
    await new Promise((resolve) => void setTimeout(resolve, 200));
    for (const { abort } of [...running, ...waiting]) abort.abort(new DeadlineExceededError());
    for (const call of waiting)
      expect(await call.verdict).to.deep.equal({ outcome: 'ignored', reached: 'ignored', mayRepeat: false });
    expect(streams).to.have.length(MOST_CONNECTIONS);
  });

  it('show nothing about the instance when the deadline of a call passes that waits for one', async () => {
    const { sendMany, arrived, send } = await heldCalls(1);
    const running = sendMany(MOST_CONNECTIONS);
    await arrived(MOST_CONNECTIONS);
    const shortened = { passed: true, isShortened: true, remainingMs: () => 0 } as unknown as Deadline;
    const waiting = [send(), send({ deadline: shortened })];
    for (const { abort } of [...waiting, running[0]!]) abort.abort(new DeadlineExceededError());
    for (const call of waiting) {
      expect(await call.end).to.equal('DEADLINE_EXCEEDED');
      expect(await call.verdict).to.deep.equal({ outcome: 'ignored', reached: 'ignored', mayRepeat: false });
    }
    expect(await running[0]!.verdict).to.include({ outcome: 'failure', reached: 'failure' });
  });

  it('leave the time to a call that it has when it begins', async () => {
    const { sendMany, streams, arrived, send, timeouts } = await heldCalls(1);
    sendMany(MOST_CONNECTIONS);
    await arrived(MOST_CONNECTIONS);
    let leftMs = 5_000;
    send({ deadline: { passed: false, isShortened: false, remainingMs: () => leftMs } as Deadline });
    leftMs = 1_000;
    finish(streams[0]!);
    await arrived(MOST_CONNECTIONS + 1);
    expect(timeouts.at(-1)).to.equal('1000m');
  });

  it('end calls that wait with the reason of their callers, and all of them when the thread ends', async () => {
    const { sendMany, arrived, transport, send } = await heldCalls(1);
    sendMany(MOST_CONNECTIONS);
    await arrived(MOST_CONNECTIONS);
    const [left, ended] = [send(), send()];
    left.abort.abort('left');
    expect(await left.end).to.equal('left');
    await transport.close();
    expect(await ended.end).to.equal('BAD_UPSTREAM');
  });

  it('are closed behind the calls that run when the endpoint leaves, and those that wait end unsent', async () => {
    const { sendMany, streams, arrived, transport, to, peer } = await heldCalls(1);
    const sent = sendMany(MOST_CONNECTIONS + 2);
    await arrived(MOST_CONNECTIONS);
    transport.leave(to);
    for (const { result } of sent.slice(MOST_CONNECTIONS))
      expect(await result)
        .to.have.property('error')
        .that.is.instanceOf(DisplacedError);
    for (const stream of streams) finish(stream);
    for (const { end } of sent.slice(0, MOST_CONNECTIONS)) expect(await end).to.equal(200);
    expect(
      await until(
        () => peer.sessions.size,
        (size) => size === 0,
      ),
    ).to.equal(0);
  });

  it('cost no call when the peer takes no further one', async () => {
    const { sendMany, streams, arrived, peer } = await heldCalls(1);
    const sent = sendMany(1);
    await arrived(1);
    peer.server.maxConnections = 1;
    const refused = once(peer.server, 'drop');
    sent.push(...sendMany(1));
    sent.push(...sendMany(1));
    await refused;
    for (const at of sent.keys()) {
      await arrived(at + 1);
      finish(streams[at]!);
    }
    for (const { end } of sent) expect(await end).to.equal(200);
    expect(sessionsOf(streams).size).to.equal(1);
  });

  it('are tried again when the peer has not taken a further one', async () => {
    const { sendMany, streams, arrived, peer } = await heldCalls(1);
    sendMany(1);
    await arrived(1);
    peer.server.maxConnections = 1;
    const refused = once(peer.server, 'drop');
    sendMany(1);
    await refused;
    peer.server.maxConnections = 2;
    await arrived(2);
    expect(sessionsOf(streams).size).to.equal(2);
  });

  it('show that the instance is not there when none was made before the deadline', async () => {
    const peer = await tcpPeer();
    closers.push(() => peer.close());
    const { send, transport } = senderTo(peer.port);
    closers.push(() => transport.close());
    const calls = [send(), send(), send()];
    for (const { abort } of calls.toReversed()) abort.abort(new DeadlineExceededError());
    for (const { verdict } of calls) expect(await verdict).to.include({ outcome: 'failure' });
  });

  it('fail all calls, however many, when none can be made', async () => {
    const peer = await tcpPeer();
    await peer.close();
    const { send, transport } = senderTo(peer.port);
    closers.push(() => transport.close());
    const calls = Array.from({ length: 5_000 }, () => send());
    for (const { end } of calls) expect(await end).to.equal('BAD_UPSTREAM');
  });
}).timeout(20_000);
