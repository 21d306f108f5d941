// The conformance suite of journals; journal.test.ts runs it for each implementation.
import type { Journal } from '#src/saga/journal.js';
import { claimCases } from './journal-claim-cases.js';
import { holdCases } from './journal-hold-cases.js';
import { keyCases } from './journal-key-cases.js';
import { leaseCases } from './journal-lease-cases.js';
import { recordCases } from './journal-record-cases.js';
import { holdOf, type JournalStore, type JournalSuite, LONG_MS, RELEASED } from './journal-records.js';

export function journalConformance(name: string, open: () => Promise<JournalStore>): void {
  describe(`the ${name} journal`, () => {
    let store: JournalStore;
    let journal: Journal;
    before(async () => {
      store = await open();
      journal = store.journal(LONG_MS);
    });

    /** The cases share a store, so the unfinished sagas of earlier cases are completed first. */
    beforeEach(async () => {
      const sweeper = store.journal(0);
      for (const { sagaId } of await sweeper.list({ limit: 1000 })) {
        const claim = await sweeper.take(sagaId);
        if (claim) await sweeper.write(claim.hold, { ...claim.record, status: 'completed' }, [], RELEASED);
      }
    });

    const suite: JournalSuite = {
      get journal() {
        return journal;
      },
      journalWith: (leaseMs) => store.journal(leaseMs),
      start: async (record, leaseMs = LONG_MS) => holdOf(await store.journal(leaseMs).create(record, 0)),
      open,
    };
    recordCases(suite);
    keyCases(suite);
    holdCases(suite);
    claimCases(suite);
    leaseCases(suite);
  });
}
