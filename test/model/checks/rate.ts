// Rate limits: the row of a key (rate-table.ts), and how rows change their key (rate-bucket.ts). Nothing
// recovers permits here: a claim that a dead thread has begun is finished by the threads that meet it.
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

const INTERVAL_MS = 10;
const WORDS = 16;

interface Caller extends Record<string, number> {
  admitted: number;
}

/** A table of one bucket; the first `rows` of its rows carry state for a while. */
function tableOf(modules: MemoryModules, world: World, now: () => number) {
  const words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  world.name(words.buffer as SharedArrayBuffer, { bucket: { offset: 0, stride: 4 * WORDS, rows: 1 } });
  const regions = modules['rate-regions'].oneRegion(words, new Int32Array(new SharedArrayBuffer(4)));
  const table = (clock = now) =>
    new modules['rate-table'].RateTable({ regions, secret: new Int32Array([1, 2]), clock });
  /** Rows that carry state, and the time for which they do. */
  const fill = (rows: number, ms: number): void => {
    const limit = table().limit('filler', ms, 1);
    for (let row = 0; row < rows; row++) limit.take(`filler ${row}`);
  };
  return { words, table, fill };
}

type Table = ReturnType<ReturnType<typeof tableOf>['table']>;

const caller = (table: Table, key: string, burst: number): Thread<Caller> => {
  const limit = table.limit('limit', INTERVAL_MS, burst);
  return {
    name: `caller of ${key}`,
    self: { admitted: 0 },
    mayDie: true,
    calls: {
      take(self) {
        if (limit.take(key) > 0) self.admitted++;
      },
    },
  };
};

const TIME = 1000;
/** Difference between the clocks of threads, in milliseconds: the resolution of a row. */
const UNIT = 1 / 16_000;

/** Checks that no key has two rows, which would admit it twice. */
function noKeyTwice(words: Int32Array): void {
  const tags = new Set<number>();
  for (let row = 4; row < WORDS; row += 2) {
    const tag = words[row + 1]! >>> 12;
    law(tag === 0 || !tags.has(tag), 'a key has two rows');
    tags.add(tag);
  }
}

export const oneKey: Check = {
  title: 'rate limit: of three threads with requests of one key exactly the burst is admitted',
  interruptions: 1,
  build: (modules) => (world) => {
    const { words, table } = tableOf(modules, world, () => TIME);
    return model<Caller>({
      threads: [1, 2, 3].map(() => caller(table(), 'a', 2)),
      always: ({ selves }) => {
        law(sumOf(selves, 'admitted') <= 2, 'more are admitted than the burst');
        noKeyTwice(words);
      },
      finally: ({ selves, dead }) => {
        // One of two requests at the very same moment is refused, since times are rounded against the caller.
        const limit = table(() => TIME + 1).limit('limit', INTERVAL_MS, 2);
        let admitted = sumOf(selves, 'admitted');
        while (limit.take('a') > 0) admitted++;
        law(admitted <= 2, `${admitted} are admitted`);
        law(admitted === 2 || dead !== undefined, 'fewer are admitted than the burst');
        law(limit.take('b') > 0, 'another key is refused');
      },
    });
  },
};

export const lastRow: Check = {
  title:
    'rate limit: two keys that compete for the last row, one of them in two threads, each keep to their burst',
  interruptions: 1,
  deepInterruptions: 2,
  build: (modules) => (world) => {
    const { words, table, fill } = tableOf(modules, world, () => TIME);
    fill(5, 1e6);
    const keys = ['a', 'a', 'b'];
    return model<Caller>({
      threads: keys.map((key) => caller(table(), key, 1)),
      always: ({ selves }) => {
        law(selves[0]!.admitted + selves[1]!.admitted <= 1, 'key a is admitted twice');
        noKeyTwice(words);
      },
      finally: ({ selves }) => {
        const limit = table().limit('limit', INTERVAL_MS, 1);
        for (const [key, admitted] of [
          ['a', selves[0]!.admitted + selves[1]!.admitted],
          ['b', selves[2]!.admitted],
        ] as const) {
          law(admitted === 0 || limit.take(key) <= 0, `key ${key} is admitted once more`);
        }
      },
    });
  },
};

export const overflow: Check = {
  title: 'rate limit: admissions of a key by the overflow row count when it gets a row of its own',
  interruptions: 2,
  build: (modules) => (world) => {
    const clock = world.clock(TIME);
    const { words, table, fill } = tableOf(modules, world, clock.now);
    fill(6, 5);
    const time: Thread<Caller> = {
      name: 'time',
      self: { admitted: 0 },
      mayDie: false,
      // The rows are free again, but an interval has not passed.
      calls: { 'after 6 ms': () => clock.set(TIME + 6) },
    };
    return model<Caller>({
      threads: [caller(table(), 'a', 1), caller(table(), 'a', 1), time],
      always: ({ selves }) => {
        law(sumOf(selves, 'admitted') <= 1, 'the key is admitted twice within an interval');
        noKeyTwice(words);
      },
      finally: ({ selves }) => {
        const limit = table().limit('limit', INTERVAL_MS, 1);
        if (sumOf(selves, 'admitted') > 0) law(limit.take('a') <= 0, 'the key is admitted once more');
        clock.set(TIME + 100);
        law(limit.take('a') > 0, 'the key is refused long after its burst is available again');
      },
    });
  },
};

export const sweep: Check = {
  title: 'rate limit: a sweep forgets no row that carries state, whatever runs meanwhile',
  interruptions: 1,
  deepInterruptions: 2,
  build: (modules) => (world) => {
    const { words, table, fill } = tableOf(modules, world, () => TIME);
    // The rows of two idle keys, and of one key that is in use.
    table(() => TIME - 100)
      .limit('limit', INTERVAL_MS, 1)
      .take('a');
    fill(1, 1e6);
    const late = table(() => TIME + UNIT);
    return model<Caller>({
      threads: [
        { ...caller(table(), 'a', 1), mayDie: false },
        caller(late, 'b', 1),
        { name: 'sweeper', self: { admitted: 0 }, calls: { sweep: () => void [...late.sweepInParts()] } },
      ],
      always: () => noKeyTwice(words),
      finally: ({ selves }) => {
        const limit = table().limit('limit', INTERVAL_MS, 1);
        for (const [index, key] of ['a', 'b'].entries()) {
          law(selves[index]!.admitted === 0 || limit.take(key) <= 0, `key ${key} is admitted once more`);
        }
        law(table().limit('filler', 1e6, 1).take('filler 0') <= 0, 'a row in use was forgotten');
      },
    });
  },
};
