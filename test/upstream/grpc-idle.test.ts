// When connections without calls are closed. The wall clock has no part in it.
import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { http2Peer, respond } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

const OK = { 'grpc-status': '0' };
const finish = (stream: ServerHttp2Stream): void => respond(stream, [Buffer.alloc(0)], OK);
const MONTH_MS = 31 * 24 * 3_600_000;
const IDLE = { idleMs: 20 };

describe('a connection of gRPC without calls', () => {
  const realNow = Date.now;
  const realTimeout = globalThis.setTimeout;
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    Date.now = realNow;
    globalThis.setTimeout = realTimeout;
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function peerOf(onStream: (stream: ServerHttp2Stream) => void, admitted = 100) {
    const peer = await http2Peer(onStream, { maxConcurrentStreams: admitted });
    closers.push(() => peer.close());
    const sender = senderTo(peer.port, IDLE);
    closers.push(() => sender.transport.close());
    const isAlone = () =>
      until(
        () => peer.sessions.size,
        (size) => size === 0,
      );
    return { ...sender, peer, isAlone };
  }

  for (const [name, stepMs] of [
    ['goes on', 0],
    ['is set back by a month', -MONTH_MS],
    ['is set forward by a month', MONTH_MS],
  ] as const)
    it(`is closed while the wall clock ${name}, and made again by the next call`, async () => {
      const warnings: string[] = [];
      const note = ({ name: kind }: Error): void => void warnings.push(kind);
      process.on('warning', note);
      closers.push(async () => void process.off('warning', note));
      const { send, isAlone } = await peerOf(finish);
      for (let calls = 0; calls < 3; calls++) {
        expect(await send().end).to.equal(200);
        Date.now = () => realNow() + stepMs;
        expect(await isAlone()).to.equal(0);
      }
      expect(warnings).to.deep.equal([]);
    });

  it('is closed also when it was made for a call that left', async () => {
    const { send, isAlone, peer } = await peerOf(() => undefined);
    const { abort, end } = send();
    await once(peer.server, 'stream');
    abort.abort('left');
    expect(await end).to.equal('left');
    expect(await isAlone()).to.equal(0);
  });

  it('is closed while another one to the same instance has calls', async () => {
    const streams: ServerHttp2Stream[] = [];
    const { send, peer } = await peerOf((stream) => void streams.push(stream), 1);
    const calls = [send(), send(), send()];
    expect(
      await until(
        () => streams.length,
        (length) => length === 3,
      ),
    ).to.equal(3);
    const [running, ...others] = streams;
    for (const stream of others) finish(stream);
    expect(
      await until(
        () => peer.sessions.size,
        (size) => size === 1,
      ),
    ).to.equal(1);
    expect([...peer.sessions]).to.deep.equal([running!.session]);
    finish(running!);
    for (const { end } of calls) expect(await end).to.equal(200);
    // Its time had passed before the call ended.
    expect(
      await until(
        () => peer.sessions.size,
        (size) => size === 0,
      ),
    ).to.equal(0);
  });

  it('is left to no timer of the library, which would count by the wall clock', async () => {
    const delays: number[] = [];
    globalThis.setTimeout = ((run: () => void, ms: number) => {
      if (new Error().stack!.includes('startIdleTimeout')) delays.push(ms);
      return realTimeout(run, ms);
    }) as typeof setTimeout;
    const { send } = await peerOf(finish);
    expect(await send().end).to.equal(200);
    expect(delays).to.deep.equal([2 ** 31 - 1]);
  });
}).timeout(20_000);
