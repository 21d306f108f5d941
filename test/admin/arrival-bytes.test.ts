import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { Arrivals } from '#src/admin/arrivals.js';

/**
 * A connection without a kernel: the test decides when data arrives, also while the code does not wait for
 * it.
 */
class FakeSocket extends Duplex {
  override _read(): void {}

  resetAndDestroy(): this {
    return this.destroy();
  }
}

describe('the bytes of incomplete headers', () => {
  it('are counted for waiting connections alone, whatever happens to the others', async () => {
    const kib = fc.constantFrom(1, 7, 600, 4000).map((size) => size * 1024);
    const event = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const) }) },
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('data' as const), at: fc.nat(), size: kib }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('complete' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), at: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('turns' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('late' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
        const held = new Map<FakeSocket, number>();
        const all: FakeSocket[] = [];
        let isLate = false;
        const leave = (socket: Socket): boolean => held.delete(socket as unknown as FakeSocket);
        const arrivals = new Arrivals({
          most: () => 4,
          get headersMs() {
            return isLate ? 0 : 60_000;
          },
          leavingMs: 0,
          headerBytes: 5 * 1024 * 1024,
          complete: leave,
          late: leave,
          evicted: () => undefined,
        });
        const receive = (socket: FakeSocket, chunk: Buffer): void => {
          // A header that is too long is passed on as well, so the held bytes are counted first.
          if (held.has(socket)) held.set(socket, held.get(socket)! + chunk.length);
          socket.emit('data', chunk);
        };
        const happen = async (one: (typeof events)[number]): Promise<void> => {
          if (one.kind === 'arrive') {
            const socket = new FakeSocket();
            all.push(socket);
            held.set(socket, 0);
            socket.once('close', () => held.delete(socket));
            arrivals.add(socket as unknown as Socket);
          } else if (one.kind === 'turns') {
            for (let turns = 0; turns < 4; turns += 1) await turn();
          } else if (one.kind === 'late') {
            isLate = true;
            while (arrivals.size > 0) await turn();
            isLate = false;
          } else if (all.length > 0) {
            const socket = all[one.at % all.length]!;
            if (one.kind === 'close') socket.destroy();
            else
              receive(socket, one.kind === 'data' ? Buffer.alloc(one.size, 'a') : Buffer.from('a\r\n\r\n'));
            // A socket emits `close` in the next turn.
            await turn();
          }
        };
        const sum = (): number => [...held.values()].reduce((total, bytes) => total + bytes, 0);
        try {
          for (const one of events) {
            await happen(one);
            expect([arrivals.size, arrivals.bytes]).to.deep.equal([held.size, sum()]);
          }
        } finally {
          arrivals.close();
        }
        while (arrivals.size > 0) await turn();
        expect(arrivals.bytes).to.equal(0);
      }),
      { numRuns: 50 },
    );
  });

  it('are at most 8 MiB, however few connections send them: the oldest are closed', async () => {
    let evicted = 0;
    const arrivals = new Arrivals({
      most: () => 1000,
      headersMs: 60_000,
      headerBytes: 1024 * 1024,
      complete: () => undefined,
      late: () => undefined,
      evicted: () => void evicted++,
    });
    const sockets = Array.from({ length: 12 }, () => new FakeSocket());
    for (const socket of sockets) {
      arrivals.add(socket as unknown as Socket);
      socket.emit('data', Buffer.alloc(1024 * 1024, 'a'));
    }
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(arrivals.bytes).to.equal(8 * 1024 * 1024);
    expect(sockets.map((socket) => socket.destroyed)).to.deep.equal([
      ...Array.from({ length: 4 }, () => true),
      ...Array.from({ length: 8 }, () => false),
    ]);
    expect(evicted).to.equal(4);
    arrivals.close();
    for (const socket of sockets) socket.destroy();
  });
});
