// The guard of a lease: a step is interrupted before another worker may begin it, when the journal does not
// reply or replies late. The test sets the time, for the engine's clock and for its timer.
import { mock } from 'node:test';
import { expect } from 'chai';
import type { SagaEngine } from '#src/saga/engine.js';
import type { Journal } from '#src/saga/journal.js';
import type { StepContext } from '#src/saga/saga.js';
import { LEASE_MS } from '#src/saga/saga-lease.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { definitionOf, engineOn, Moment, type Step } from './harness.js';

/** The time that an interrupted step has, at least, before its lease expires. */
const LEFT_MS = 250;
const never = new Promise<never>(() => undefined);

describe('the lease of a saga', () => {
  let at: number;
  let engine: SagaEngine | undefined;

  beforeEach(() => {
    at = 0;
    mock.timers.enable({ apis: ['setInterval'] });
  });
  afterEach(() => {
    mock.timers.reset();
    void engine?.drain(0); // its round never ends
  });

  /** A step that ends only when it is aborted, since it has more time than the lease. */
  function hanging(begun: Moment, aborted: Moment<number>): Step {
    return {
      name: 'hanging',
      timeoutMs: 10 * LEASE_MS,
      run: (_: never, { signal }: StepContext) => {
        begun.now();
        return new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.now(at);
            resolve();
          });
        });
      },
    };
  }

  async function start(steps: readonly Step[], wrap: (journal: Journal) => void): Promise<void> {
    engine = engineOn(new MemoryStore(() => 0), [definitionOf(steps)], {
      clock: () => at,
      sleep: () => new Promise((resolve) => void setImmediate(resolve)),
      wrap: (journal) => {
        wrap(journal);
        return journal;
      },
    });
    await engine.sagas.start('transfer', {});
    engine.start();
  }

  /** Advances the time by 50 ms until the step is aborted, for two leases at most. */
  async function pass(aborted: Moment<number>): Promise<number> {
    let abortedAt: number | undefined;
    void aborted.happened.then((when) => (abortedAt = when));
    while (abortedAt === undefined && at < 2 * LEASE_MS) {
      at += 50;
      mock.timers.tick(50);
      await new Promise(setImmediate);
    }
    return abortedAt ?? Number.POSITIVE_INFINITY;
  }

  const isInTime = (abortedAt: number): void => {
    expect(abortedAt).to.be.within(LEASE_MS - 1_000, LEASE_MS - LEFT_MS);
  };

  it('interrupts a step before it expires when the journal does not reply, since another worker may begin it', async () => {
    const [begun, aborted, renewing] = [new Moment(), new Moment<number>(), new Moment()];
    await start([hanging(begun, aborted)], (journal) => {
      journal.renew = () => {
        renewing.now();
        return never;
      };
    });
    await Promise.all([begun.happened, renewing.happened]);
    isInTime(await pass(aborted));
  });

  it('is counted from the request of a renewal, not from the reply', async () => {
    const [begun, aborted, renewing, replied] = [
      new Moment(),
      new Moment<number>(),
      new Moment(),
      new Moment(),
    ];
    await start([hanging(begun, aborted)], (journal) => {
      let asked = 0;
      journal.renew = async (holds) => {
        if (++asked > 1) {
          replied.now();
          return never;
        }
        renewing.now();
        at = 2_000;
        return { renewed: holds, lost: [] };
      };
    });
    await Promise.all([begun.happened, renewing.happened, replied.happened]);
    isInTime(await pass(aborted));
  });

  it('is counted from the request of a write, not from its reply', async () => {
    const [begun, aborted] = [new Moment(), new Moment<number>()];
    await start([{ name: 'first', run: () => 1 }, hanging(begun, aborted)], (journal) => {
      journal.renew = () => never;
      const write = journal.write.bind(journal);
      journal.write = async (...asked) => {
        const isWritten = await write(...asked);
        at = 2_000;
        return isWritten;
      };
    });
    await begun.happened;
    isInTime(await pass(aborted));
  });
});
