import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { Arrivals } from '#src/admin/arrivals.js';

/** A connection without a kernel. */
class FakeSocket extends Duplex {
  override _read(): void {}

  resetAndDestroy(): this {
    return this.destroy();
  }
}

describe('connections that wait for a request when the admin plane closes', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  const arrivalsOf = (completed: Socket[]): Arrivals =>
    new Arrivals({
      most: () => 4,
      headersMs: 60_000,
      headerBytes: 1024,
      complete: (socket) => void completed.push(socket),
      late: () => undefined,
      evicted: () => undefined,
    });
  const connect = (arrivals: Arrivals): FakeSocket => {
    const socket = new FakeSocket();
    arrivals.add(socket as unknown as Socket);
    return socket;
  };

  it('have 100 ms for it, and are closed then', async () => {
    const completed: Socket[] = [];
    const arrivals = arrivalsOf(completed);
    const [silent, asking] = [connect(arrivals), connect(arrivals)];
    arrivals.close();
    mock.timers.tick(99);
    for (let turns = 0; turns < 3; turns += 1) await turn();
    expect([silent.destroyed, asking.destroyed]).to.deep.equal([false, false]);
    asking.emit('data', Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    const closed = once(silent, 'close');
    mock.timers.tick(1);
    await closed;
    expect(completed, 'a request in time is passed on').to.deep.equal([asking]);
    expect(asking.destroyed).to.equal(false);
  });

  it('are no new ones', () => {
    const arrivals = arrivalsOf([]);
    arrivals.close();
    expect(connect(arrivals).destroyed).to.equal(true);
  });
});
