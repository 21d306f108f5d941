// The places of cancelled calls on a connection: taken until the peer knows of their end, and not for longer.
import { expect } from 'chai';
import { HeldStreams } from '#src/upstream/held-streams.js';
import { until } from '#test/support/until.js';
import { http2Peer } from './rpc-peer.js';
import { senderTo } from './rpc-sender.js';

const ADMITTED = 10;

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

  it('are given up after a while where nobody waits for them, without a question to the peer', async () => {
    let asked = 0;
    const session = { destroyed: false, closed: false, settings: () => void asked++ };
    let freed = (): void => undefined;
    const held = new HeldStreams({ session, keptMs: 5, onFreed: () => freed() });
    for (const asks of [false, true]) {
      const isFree = new Promise<void>((resolve) => {
        freed = () => {
          if (held.count === 0) resolve();
        };
      });
      for (let n = 0; n < 60; n++) held.add();
      expect(held.count).to.equal(60);
      // This peer does not acknowledge.
      if (asks) for (let n = 0; n < 60; n++) void held.ask();
      await isFree;
    }
    expect(asked).to.be.at.most(1);
  });
}).timeout(60_000);
