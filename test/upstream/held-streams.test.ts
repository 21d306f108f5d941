// The places of cancelled calls on a connection: taken until the peer knows of their end, and not for longer.
import { expect } from 'chai';
import { breakableProxy } from '#test/support/breakable-proxy.js';
import { until } from '#test/support/until.js';
import { http2Peer, respondOnly } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

const ADMITTED = 10;
const NOT_FOUND = { 'grpc-status': '5' };

describe('the places of cancelled calls by gRPC', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it('are not taken by others in the turn in which the peer reads of the end', async () => {
    let [arrived, running, most, sessions] = [0, 0, 0, 0];
    const peer = await http2Peer(
      (stream) => {
        arrived++;
        most = Math.max(most, ++running);
        stream.once('close', () => setImmediate(() => running--));
      },
      { maxConcurrentStreams: ADMITTED },
    );
    peer.server.on('session', () => sessions++);
    closers.push(() => peer.close());
    const { send, transport } = senderTo(peer.port);
    closers.push(() => transport.close());
    const ends = new Set<unknown>();
    for (let round = 0; round < 40; round++) {
      const before = arrived;
      const calls = Array.from({ length: ADMITTED }, () => send());
      // In half of the rounds the peer has all of them, in the others some may be on their way.
      const awaited = round % 2 === 0 ? ADMITTED : 1;
      await until(
        () => arrived,
        (now) => now >= before + awaited,
      );
      for (const { abort } of calls) abort.abort('left');
      for (const { end } of calls) ends.add(await end);
    }
    expect(ends).to.deep.equal(new Set(['left']));
    expect(most).to.equal(ADMITTED);
    expect(arrived).to.be.at.least(20 * ADMITTED);
    expect(sessions).to.equal(1);
  });

  it('do not keep others from a peer that does not read of the end', async () => {
    let arrived = 0;
    const peer = await http2Peer(
      (stream, { ':path': path }) => {
        arrived++;
        if (path !== '/demo.Demo/Held') respondOnly(stream, NOT_FOUND);
      },
      { maxConcurrentStreams: 1 },
    );
    closers.push(() => peer.close());
    const proxy = await breakableProxy(peer.port);
    closers.push(() => proxy.close());
    const { send, transport } = senderTo(proxy.port);
    closers.push(() => transport.close());
    const held = send({ path: '/demo.Demo/Held' });
    await until(
      () => arrived,
      (count) => count === 1,
    );
    proxy.stopReading();
    held.abort.abort('left');
    expect(await held.end).to.equal('left');
    expect(await send().end).to.equal(404);
    expect(arrived).to.equal(2);
  });
}).timeout(60_000);
