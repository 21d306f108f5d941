// A worker that takes over more sagas than it can run at once.
import { expect } from 'chai';
import type { ClaimLimits, Journal, SagaRecord } from '#src/saga/journal.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { sagaRecord } from '#test/conformance/journal-records.js';
import { definitionOf, engineOn, Moment, type Step } from './harness.js';

const SAGAS = 1_000;

describe('a backlog of sagas', () => {
  let now: number;
  let store: MemoryStore;

  /** Puts a saga without a runner into the store. */
  const leave = (record: SagaRecord): void => {
    const stored = { fence: 1, leaseUntil: now, keyRetired: false, isWritten: true };
    store.sagas.set(record.sagaId, { record, ...stored });
  };

  beforeEach(() => {
    now = 1_800_000_000_000;
    store = new MemoryStore(() => now);
    for (let at = 0; at < SAGAS; at++) {
      const record = sagaRecord({ steps: sagaRecord().steps.slice(0, 1), updatedAt: now + at });
      leave(record);
    }
  });

  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    await new Promise(setImmediate);
    if (!signal.aborted) now += ms;
  };

  /** Runs the engine until the whole backlog has ended. @param claim replaces the journal's `claim` */
  async function workOff(
    claim: (limit: number) => void,
    renewed: () => void = () => undefined,
  ): Promise<void> {
    const done = new Moment();
    let runs = 0;
    const run = (): void => {
      if (++runs === SAGAS) done.now();
    };
    const step: Step = { name: 'debit', run };
    const long: Step = { name: 'long', run: () => done.happened, timeoutMs: 2 ** 31 - 1 };
    const wrap = (journal: Journal): Journal => {
      const [own, renew] = [journal.claim.bind(journal), journal.renew.bind(journal)];
      return Object.assign(journal, {
        async claim(most: ClaimLimits, ...rest: [never, never]) {
          claim(most.sagas);
          const claims = await own(most, ...rest);
          // The claimed sagas end before the next claim.
          for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
          return claims;
        },
        renew(holds: Parameters<Journal['renew']>[0]) {
          renewed();
          return renew(holds);
        },
      });
    };
    const definitions = [definitionOf([step]), definitionOf([long], 'long')];
    const engine = engineOn(store, definitions, { sleep, clock: () => now, wrap });
    await engine.sagas.start('long', {});
    engine.start();
    await done.happened;
    await engine.drain(10_000);
  }

  it('is claimed in smaller parts when large claims get no reply', async () => {
    await workOff((limit) => {
      now += 100;
      if (limit > 3) throw new Error('canceling statement due to statement timeout');
    });
  });

  it('is claimed in parts of the same size, however long the database takes', async () => {
    const limits: number[] = [];
    await workOff((limit) => {
      limits.push(limit);
      now += 900;
    });
    expect(new Set(limits)).to.deep.equal(new Set([64]));
  });

  it('is marked as known by a worker with free capacity, so that others leave the rest to it', async () => {
    const vouched = new Moment();
    const wrap = (journal: Journal): Journal =>
      Object.assign(journal, { markKnown: () => Promise.resolve(vouched.now()) });
    const quick: Step = { name: 'debit', run: () => 1 };
    const engine = engineOn(store, [definitionOf([quick])], { sleep, wrap });
    engine.start();
    await vouched.happened;
    await engine.drain(0);
  });

  it('is claimed by the size of its values, so that the share of one worker fits into its memory', async () => {
    store.sagas.clear();
    for (let at = 0; at < 80; at++) {
      const record = sagaRecord({ steps: sagaRecord().steps.slice(0, 1), input: 'a'.repeat(500_000) });
      leave(record);
    }
    const full = new Moment();
    const wrap = (journal: Journal): Journal => {
      const own = journal.claim.bind(journal);
      return Object.assign(journal, {
        claim(...given: Parameters<Journal['claim']>) {
          if (given[0].bytes <= 0) full.now();
          return own(...given);
        },
      });
    };
    let running = 0;
    const hang: Step = { name: 'debit', run: () => new Promise(() => running++), timeoutMs: 2 ** 31 - 1 };
    const engine = engineOn(store, [definitionOf([hang])], { sleep, clock: () => now, wrap });
    engine.start();
    await full.happened;
    expect(running).to.be.within(30, 35);
    await engine.drain(0);
  });

  it('does not keep leases from being renewed, however long the worker is busy with it', async () => {
    let renewedAt = now;
    let longestMs = 0;
    await workOff(
      () => {
        now += 400;
      },
      () => {
        longestMs = Math.max(longestMs, now - renewedAt);
        renewedAt = now;
      },
    );
    expect(longestMs).to.be.below(LEASE_MS / 2);
  });
});
