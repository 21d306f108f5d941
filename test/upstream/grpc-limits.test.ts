// What a peer sees of the limits of a client: when it connects again, and how many streams it resets.
import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import { expect } from 'chai';
import { until } from '#test/support/until.js';
import { http2Peer, respond, respondOnly, tcpPeer } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

const OK = { 'grpc-status': '0' };
const MAX_BACKOFF_MS = 1_000;
/** The library varies each time by a fifth. */
const JITTER = 1.2;
/** Node.js closes a connection with more resets (`streamResetBurst`, `streamResetRate`). */
const BURST = 1_000;
const RESETS_PER_MS = 0.033;

describe('a client of gRPC', () => {
  const realTimeout = globalThis.setTimeout;
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    globalThis.setTimeout = realTimeout;
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('connects again at least every second, however often it has failed', async () => {
    const peer = await tcpPeer();
    await peer.close();
    const { send, transport } = senderTo(peer.port);
    closers.push(() => transport.close());
    const backoffs: number[] = [];
    // The timers of the library for its next try come at once.
    globalThis.setTimeout = ((run: () => void, ms?: number) => {
      const isBackoff = new Error().stack!.includes('backoff-timeout');
      if (isBackoff && ms! > 0) backoffs.push(ms!);
      return realTimeout(run, isBackoff ? 0 : ms);
    }) as typeof setTimeout;
    while (backoffs.length < 20) expect(await send().end).to.equal('BAD_UPSTREAM');
    expect(Math.min(...backoffs)).to.be.at.most(100);
    expect(Math.max(...backoffs)).to.be.within(MAX_BACKOFF_MS / JITTER, MAX_BACKOFF_MS * JITTER);
  });

  it('resets no more streams of a connection than servers accept, also when all calls are cancelled', async () => {
    const resets = new Map<Http2Session, number>();
    let arrived = 0;
    const peer = await http2Peer((stream) => {
      arrived++;
      const { session } = stream;
      stream.once('close', () => {
        if (stream.rstCode === constants.NGHTTP2_CANCEL)
          resets.set(session!, (resets.get(session!) ?? 0) + 1);
      });
    });
    closers.push(() => peer.close());
    const { send, transport } = senderTo(peer.port);
    closers.push(() => transport.close());
    const arrival = (count: number) =>
      until(
        () => arrived,
        (now) => now >= count,
      );
    const begun = performance.now();
    const running = Array.from({ length: 800 }, () => send());
    await arrival(800);
    for (let round = 1; round <= 25; round++) {
      const cancelled = Array.from({ length: 20 }, () => send());
      await arrival(800 + 20 * round);
      for (const { abort } of cancelled) abort.abort('left');
    }
    for (const { abort } of running) abort.abort('left');
    const sum = () => [...resets.values()].reduce((total, count) => total + count, 0);
    expect(await until(sum, (total) => total === 1_300)).to.equal(1_300);
    expect(Math.max(...resets.values())).to.be.at.most(BURST + RESETS_PER_MS * (performance.now() - begun));
  });

  for (const [name, spoil] of [
    [
      'ends a call because of too many metadata',
      (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
    ['sends too long a message', (stream) => respond(stream, [Buffer.alloc(101)], OK)],
  ] as readonly (readonly [string, (stream: ServerHttp2Stream) => void])[])
    it(`makes a new connection when the peer ${name}, and keeps it otherwise`, async () => {
      const sessions: (Http2Session | undefined)[] = [];
      const peer = await http2Peer((stream, { ':path': path }) => {
        sessions.push(stream.session);
        if (path === '/demo.Demo/Spoil') spoil(stream);
        else respondOnly(stream, { 'grpc-status': '5' });
      });
      closers.push(() => peer.close());
      const { send, transport } = senderTo(peer.port, { maxResponseBytes: 100 });
      closers.push(() => transport.close());
      for (let calls = 0; calls < 3; calls++) {
        expect(await send().end).to.equal(404);
        expect(await send({ path: '/demo.Demo/Spoil' }).end).to.equal('BAD_UPSTREAM');
      }
      expect(new Set(sessions).size).to.equal(3);
      for (let at = 0; at < sessions.length; at += 2) expect(sessions[at]).to.equal(sessions[at + 1]);
    });
});
