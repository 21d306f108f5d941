// Everything that may happen to processes and to the store, in an order that the seed decides.
import { WAIT_MS } from '#src/shares/membership.js';
import { collect } from '#test/support/collected.js';
import type { LedgerTerms } from './ledger.js';
import type { Fault, SimProcess } from './sim-process.js';
import type { Timeline } from './timeline.js';
import { World } from './world.js';

/** Bursts that are divided evenly, with a remainder, and that are smaller than the number of processes. */
export const LIMITS: readonly LedgerTerms[] = [
  { perSecond: 20, burst: 1 },
  { perSecond: 20, burst: 3 },
  { perSecond: 20, burst: 17 },
  { perSecond: 5, burst: 60 },
];
const MOST_PROCESSES = 7;
const STEP_MS = 8_000;
const SHIFT_MS = 12_000;
/** A supervisor starts a process again within this time, and it may end again after this time. */
const RESTART_MS = 6_000;
/** Longer than a share is held. */
const LONG_MS = 130_000;
/** How many of the processes start on a machine that others are or were on. */
const BESIDE = 0.4;

/** Restarts, in one of which at least the message of before comes late. */
const ROUNDS = 16;

/** More keys than the table of a limit has rows. */
const CROWD = { keys: 14, buckets: 1 } as const;

/** A storm in which keys lose their rows, get others, and share the overflow row in between. */
export const crowdedStorm = (seed: number, forMs: number, fault: Fault = {}): World =>
  storm(seed, forMs, fault, CROWD);

/** @returns the world after `forMs` milliseconds of its time */
export function storm(
  seed: number,
  forMs: number,
  fault: Fault = {},
  crowd: Partial<typeof CROWD> = {},
): World {
  const world = new World({ seed, limits: LIMITS, delayMs: 600, loss: 0.02, fault, ...crowd });
  const { timeline, random } = world;
  const living = (): SimProcess[] => world.processes.filter(({ isKilled }) => !isKilled);
  const anyOf = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  /** A while that is mostly short. */
  const while_ = (): number => LONG_MS * random() ** 1.5;
  /** A process starts on a machine of its own, or beside others, of which some may have ended. */
  const start = (everyMs: number): void => {
    if (living().length >= MOST_PROCESSES) return;
    const beside = random() < BESIDE ? anyOf(world.processes) : undefined;
    if (beside === undefined) world.start(everyMs);
    else world.restart(beside, everyMs);
  };
  /** A process is killed and started again on its machine, a number of times. */
  const crash = (process: SimProcess | undefined, times: number): void => {
    if (process === undefined || process.isKilled || times === 0) return;
    process.isKilled = true;
    timeline.in(RESTART_MS * random() ** 2, () => {
      const next = world.restart(process, 20);
      timeline.in(RESTART_MS * random(), () => crash(next, times - 1));
    });
  };
  const happenings: (() => void)[] = [
    () => start(20),
    () => start(100),
    () => {
      const process = anyOf(living());
      if (process !== undefined) process.isKilled = true;
    },
    () => crash(anyOf(living()), 1 + Math.floor(5 * random())),
    () => {
      const process = anyOf(living());
      if (process !== undefined) for (const one of world.beside(process)) crash(one, 2);
    },
    () => anyOf(living())?.leave(),
    () => {
      const process = anyOf(living());
      if (process === undefined || process.isPaused) return;
      process.isPaused = true;
      timeline.in(while_(), () => process.resume());
    },
    () => {
      const process = anyOf(living());
      if (process !== undefined && !process.isPaused) suspend(process, timeline, while_());
    },
    () => {
      const process = anyOf(living());
      if (process === undefined) return;
      process.isCut = true;
      timeline.in(while_(), () => {
        process.isCut = false;
      });
    },
    () => {
      world.network.isDown = true;
      timeline.in(while_(), () => {
        world.network.isDown = false;
      });
    },
  ];
  // In half of the storms clients come and go, so what is asked for moves among the processes. In the others
  // each process has more requests than its share all the time.
  const idle = seed % 2 === 0 ? 0 : 0.5;
  const shift = (): void => {
    for (const process of living()) process.isIdle = process.isLeaving || random() < idle;
    timeline.in(2 * SHIFT_MS * random(), shift);
  };
  const happen = (): void => {
    // Most of the time nothing happens but arrivals, so that there are processes.
    (random() < 0.5 ? happenings[0] : anyOf(happenings))?.();
    timeline.in(2 * STEP_MS * random(), happen);
  };
  for (let n = 0; n < 3; n++) world.start(20);
  happen();
  shift();
  timeline.run(forMs);
  // Every process had a block.
  collect();
  return world;
}

/** The machine of a process is suspended. */
function suspend(process: SimProcess, timeline: Timeline, ms: number): void {
  process.isPaused = true;
  timeline.in(ms, () => process.resume(ms));
}

/** Three processes with more requests than they may admit. */
function three(fault: Fault): World {
  const world = new World({ seed: 1, limits: LIMITS, fault });
  for (let n = 0; n < 3; n++) world.start(10, true);
  world.timeline.run(10_000);
  return world;
}

/** One of three processes that have spent their bursts is killed, and started again at once. */
export function restarted(fault: Fault = {}): World {
  const world = three(fault);
  const { timeline, processes } = world;
  for (const isIdle of [true, false]) {
    for (const process of processes) process.isIdle = isIdle;
    timeline.run(timeline.now + (isIdle ? LONG_MS : 500));
  }
  const [process] = processes;
  process!.isKilled = true;
  world.restart(process!, 10, true);
  timeline.run(timeline.now + 10_000);
  return world;
}

/** One of three processes is killed, and started again at once, while it reports a loan: many times. */
export function overtaken(fault: Fault = {}, seed = 7): World {
  const world = new World({ seed, limits: LIMITS, delayMs: 2_000, fault });
  const { timeline } = world;
  for (let n = 0; n < 2; n++) world.start(60, true);
  let process = world.start(10, true);
  for (let n = 0; n < ROUNDS; n++) {
    timeline.run(timeline.now + 10_000);
    // It lends what it is not asked for.
    process.isIdle = true;
    const { changesOfLoans } = process;
    const until = timeline.now + LONG_MS;
    while (process.changesOfLoans === changesOfLoans && timeline.now < until) timeline.step();
    process.isKilled = true;
    process = world.restart(process, 10, true);
  }
  // Every process had a block.
  collect();
  return world;
}

/**
 * A process waits as the member that another one was, is taken off the list meanwhile, and goes on as a
 * member that had lent something to one that is cut off.
 */
export function inheritedTwice(fault: Fault = {}): World {
  const world = new World({ seed: 1, limits: LIMITS, fault });
  const { timeline } = world;
  const run = (ms: number): void => timeline.run(timeline.now + ms);
  const lender = world.start(60_000, true);
  const borrower = world.start(10, true);
  run(60_000);
  borrower.isCut = true;
  const newcomer = world.restart(lender, 10, true);
  run(2_000);
  newcomer.isKilled = true;
  const heir = world.restart(lender, 10, true);
  run(2_000);
  heir.isPaused = true;
  run(WAIT_MS + 2_000);
  lender.isKilled = true;
  heir.resume();
  run(20_000);
  // Every process had a block.
  collect();
  return world;
}

/** One of three processes is cut off until the others go on. */
export function cutOff(fault: Fault = {}): World {
  const world = three(fault);
  world.processes[0]!.isCut = true;
  world.timeline.run(10_000 + LONG_MS);
  return world;
}

/**
 * The machine of one of three processes is suspended until the others go on, while its beat is on its way.
 */
export function suspended(fault: Fault = {}): World {
  const world = three(fault);
  const [process] = world.processes;
  while (!process!.isBeating) world.timeline.step();
  suspend(process!, world.timeline, LONG_MS);
  world.timeline.run(world.timeline.now + LONG_MS + 10_000);
  return world;
}
