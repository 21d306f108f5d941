import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { IdleAlarm } from '#src/server/idle-alarm.js';
import { TimerWheel } from '#src/server/timer-wheel.js';
import { ManualTicker } from './kit.js';

const IDLE_MS = 8000;
const fail = (error: unknown): never => {
  throw error;
};

function alarmOf(hold?: () => void) {
  const ticker = new ManualTicker();
  const wheel = new TimerWheel(fail, ticker);
  let rung = 0;
  const alarm = new IdleAlarm(wheel, IDLE_MS, () => rung++, hold);
  return { ticker, wheel, alarm, rung: () => rung };
}

describe('an idle alarm', () => {
  it('rings once after its period without activity, and not before', () => {
    const { ticker, alarm, rung } = alarmOf();
    alarm.start();
    ticker.advance(IDLE_MS - 10);
    alarm.touch();
    ticker.advance(IDLE_MS - 10);
    expect(rung()).to.equal(0);
    ticker.advance(50);
    expect(rung()).to.equal(1);
    ticker.advance(10 * IDLE_MS);
    expect(rung()).to.equal(1);
  });

  it('does not ring when activity follows a stall of the event loop, whatever its length and beginning', () => {
    const standstill = fc.integer({ min: 1001, max: 86_400_000 });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(IDLE_MS - 50), standstill), { maxLength: 10 }), (stops) => {
        const { ticker, alarm, rung } = alarmOf();
        alarm.start();
        for (const [before, standMs] of stops) {
          ticker.advance(before);
          ticker.stall(standMs);
          alarm.touch(); // the next turn of the loop reads what has arrived meanwhile
          expect(rung()).to.equal(0);
        }
        ticker.advance(IDLE_MS + 50);
        expect(rung()).to.equal(1);
      }),
    );
  });

  it('does not ring while each byte arrives in time, however long callbacks hold up the event loop', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: IDLE_MS }), { minLength: 1, maxLength: 10 });
    const turns = fc.array(fc.tuple(fc.nat(900), fc.nat(900)), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(gaps, turns, (gaps, turns) => {
        const { ticker, alarm, rung } = alarmOf();
        alarm.start();
        const begunAt = ticker.now();
        const bytesAt = gaps.map((_, index) => begunAt + gaps.slice(0, index + 1).reduce((a, b) => a + b));
        const readAll = (): void => {
          const arrived = bytesAt.filter((at) => at <= ticker.now()).length;
          for (const _ of bytesAt.splice(0, arrived)) alarm.touch();
        };
        for (let turn = 0; bytesAt.length > 0; turn++) {
          const [waitMs, readMs] = turns[turn % turns.length]!;
          ticker.stall(10 + waitMs, readAll, readMs);
          expect(rung()).to.equal(0);
        }
      }),
    );
  });

  it('counts what a real event loop has still to read after it was held up', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    await once(client, 'connect');
    let rung = 0;
    const alarm = new IdleAlarm(new TimerWheel(fail), 100, () => rung++);
    const reads = new Promise<number>((resolve) => {
      socket.once('data', () => {
        alarm.touch();
        resolve(rung);
      });
    });
    alarm.start();
    client.write('x');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(await reads).to.equal(0);
    alarm.stop();
    socket.destroy();
    client.destroy();
    server.close();
  });

  it('rings soon after a stall that no activity follows, even when the event loop is always late', () => {
    for (const [standMs, turns] of [
      [IDLE_MS, 2],
      [60_000, 2],
      [1500, 7],
    ] as const) {
      const { ticker, wheel, alarm, rung } = alarmOf();
      alarm.start();
      for (let turn = 0; turn < turns; turn++) {
        expect(rung()).to.equal(0);
        ticker.stall(standMs);
      }
      expect([rung(), wheel.size]).to.deep.equal([1, 0]);
    }
  });

  it('calls `hold` every few seconds without activity, until `hold` stops the alarm', () => {
    let held = 0;
    const { ticker, alarm, rung, wheel } = alarmOf(() => {
      if (++held === 5) alarm.stop();
    });
    alarm.start();
    ticker.advance(IDLE_MS + 50);
    expect([held, rung()]).to.deep.equal([1, 1]);
    alarm.start();
    for (let ms = 0; ms < 4 * IDLE_MS; ms += 500) {
      ticker.advance(500);
      alarm.touch();
    }
    expect([held, rung(), wheel.size]).to.deep.equal([5, 1, 0]);
  });
});
