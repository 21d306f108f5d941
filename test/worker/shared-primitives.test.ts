import { expect } from 'chai';
import { pino } from 'pino';
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { NamedBreakers } from '#src/memory/breaker/named-breakers.js';
import { sharedClock } from '#src/memory/clock.js';
import { NAMED_BREAKERS } from '#src/memory/layout.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { breakerBoard } from '#src/upstream/breaker-board.js';
import { countedRateLimits } from '#src/worker/counted-rate-limits.js';
import { createSharedPrimitives } from '#src/worker/shared-primitives.js';

interface Line {
  readonly msg: string;
}

/** `shared` as threads of one process have it. */
function setUp() {
  const block = Block.create({ workers: 3 });
  const clock = sharedClock(block);
  const lines: Line[] = [];
  const log = pino(
    { base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line) as Line) },
  );
  const thread = (slot: number, isReplacement = false) => {
    const recorder = new SeriesTable(new SeriesMemory().of(slot));
    const rateLimits = countedRateLimits({ block, slot, clock, recorder }, 'refused');
    return createSharedPrimitives({ block, slot, clock, recorder, log, rateLimits, isReplacement });
  };
  return { block, clock, lines, thread };
}

const down = (): Promise<never> => Promise.reject(new Error('down'));
const codeOf = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => undefined,
    (error: unknown) => (error as { code?: string }).code ?? (error as Error).message,
  );

describe('a breaker, bulkhead or rate limiter of `shared`', () => {
  it('is one for all threads by its name, and another one for another service', async () => {
    const { thread, lines } = setUp();
    const [one, two] = [thread(1), thread(2)];
    const settings = { minimumCalls: 2 };
    const [mine, theirs] = [one('shop').breaker('mail', settings), two('shop').breaker('mail', settings)];
    const strange = one('bank').breaker('mail', settings);
    expect([await codeOf(mine.run(down)), await codeOf(theirs.run(down))]).to.deep.equal(['down', 'down']);
    expect(await codeOf(mine.run(() => 'mine'))).to.equal('BREAKER_OPEN');
    expect(await codeOf(theirs.run(() => 'theirs'))).to.equal('BREAKER_OPEN');
    expect(await strange.run(() => 'strange')).to.equal('strange');
    const open = { level: 40, service: 'shop', endpoint: '~mail', state: 'open', msg: 'breaker changed' };
    expect(lines).to.deep.equal([open]);

    const places = [one('shop'), two('shop'), two('bank')].map((its) => its.bulkhead('files', { limit: 1 }));
    const hold = (): Promise<never> => new Promise(() => undefined);
    void places[0]!.run(hold);
    expect(await codeOf(places[1]!.run(hold))).to.equal('OVERLOADED');
    expect(places.map(({ held }) => held)).to.deep.equal([1, 1, 0]);

    const limits = [one('shop'), two('shop'), two('bank')].map((its) =>
      its.rateLimiter('sms', { limit: '1/minute' }),
    );
    expect(limits.map((limit) => limit.take('+1').allowed)).to.deep.equal([true, false, true]);
    expect(limits[0]!.take('+2').allowed).to.equal(true);
  });

  it('is the same when it is made again, with the same waiting line', async () => {
    const its = setUp().thread(1)('shop');
    const settings = { limit: 1, queue: 1, queueMs: 60_000 };
    let finish = (): void => undefined;
    const first = its.bulkhead('files', settings).run(() => new Promise<void>((done) => (finish = done)));
    const second = its.bulkhead('files', settings).run(() => 'second');
    expect(await codeOf(its.bulkhead('files', settings).run(() => 'third'))).to.equal('OVERLOADED');
    finish();
    expect(await Promise.all([first, second])).to.deep.equal([undefined, 'second']);
  });

  it('cannot be registered with two different sets of settings', () => {
    const { thread } = setUp();
    const [one, two] = [thread(1)('shop'), thread(2)('shop')];
    one.breaker('mail', { openMs: 100 });
    one.bulkhead('files', { limit: 2 });
    one.rateLimiter('sms', { limit: '1/minute' });
    for (const its of [one, two]) {
      const refused = (ask: () => unknown) =>
        expect(ask).to.throw(TypeError, /^shared\.\w+\("\w+"\) is registered with other options already$/);
      refused(() => its.breaker('mail'));
      refused(() => its.bulkhead('files', { limit: 3 }));
      refused(() => its.rateLimiter('sms', { limit: '1/second' }));
    }
  });

  it('has the settings of a replacing worker from then on, for operators as well', async () => {
    const { block, clock, thread } = setUp();
    thread(1)('shop').breaker('mail', { openMs: 100, probes: 1 });
    const newer = thread(3, true)('shop');
    const mail = newer.breaker('mail', { openMs: 60_000, minimumCalls: 1 });
    expect(() => newer.breaker('mail', { openMs: 100, probes: 1 })).to.throw(TypeError, 'other options');
    const [{ slot, name } = expect.fail('there is none')] = new NamedBreakers(block).list();
    expect(name).to.equal('shop mail');
    const endpoints = new BreakerCells(block, 0, DEFAULT_TRIP_RULE, clock);
    const board = breakerBoard({ block, clock, endpoints, onTransition: () => undefined });
    await codeOf(mail.run(down));
    expect(board.state(slot)).to.include({ state: 'open' });
    expect(board.state(slot)).to.have.property('retryInMs').that.is.above(50_000);
    board.force(slot, 'closed');
    expect(mail.state).to.deep.equal({ state: 'forced-closed' });
  });

  it('is refused for bad names and settings, with its kind and name in the error', () => {
    const its = setUp().thread(1)('shop');
    for (const name of ['', 'a b', '~a', 'a/b', 'é', 'a'.repeat(129), undefined, 7]) {
      expect(() => its.breaker(name as string)).to.throw(TypeError, '): names are made of');
    }
    expect(() => its.breaker('mail', { probes: 0 })).to.throw(
      'shared.breaker("mail"): probes must be a whole number from 1 to 15',
    );
    expect(() => its.bulkhead('files', { limit: 0 })).to.throw(TypeError, 'shared.bulkhead("files")');
    expect(() => its.rateLimiter('sms', { limit: 'often' as never })).to.throw(
      TypeError,
      'limit must be "N/second"',
    );
    for (let n = 0; n < NAMED_BREAKERS; n++) its.breaker(`b${n}`);
    expect(() => its.breaker('more')).to.throw(RangeError, 'room for 64 named breakers');
  });
});
