// Values that the journal cannot store: errors of PostgreSQL for which repeating the write does not help, and
// texts of errors.
import { expect } from 'chai';
import type pg from 'pg';
import type { Queryable } from '#src/db/database.js';
import { StatementError } from '#src/db/statement-error.js';
import { BusinessError } from '#src/errors.js';
import { UnstorableError } from '#src/saga/journal.js';
import { PgJournal } from '#src/saga/pg-journal.js';
import { MemoryStore } from '#test/conformance/journal-memory.js';
import { sagaRecord } from '#test/conformance/journal-records.js';
import { definitionOf, engineOn } from './harness.js';

/** The error of the journal when the server refuses its statement with an SQLSTATE. */
async function refusedWith(code: string): Promise<unknown> {
  const refusal = new StatementError({ message: 'refused', code } as pg.DatabaseError);
  const db = { query: () => Promise.reject(refusal) } as unknown as Queryable;
  const journal = new PgJournal({ db, owner: 'test:1:1', leaseMs: 60_000 });
  return journal.create(sagaRecord(), 0).then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('an SQLSTATE that PostgreSQL reports for a write', () => {
  for (const code of ['22P05', '23514', '54000']) {
    it(`${code} means that the values can never be stored`, async () => {
      expect(await refusedWith(code)).to.be.instanceOf(UnstorableError);
    });
  }

  for (const code of ['23505', '53300', '57014', '40P01']) {
    it(`${code} means that the write may be repeated`, async () => {
      expect(await refusedWith(code)).to.be.instanceOf(StatementError);
    });
  }
});

describe('the error of a step', () => {
  it('is stored without U+0000, which PostgreSQL cannot store, and with a limited length', async () => {
    const step = {
      name: 'a',
      run: () => Promise.reject(new BusinessError('CARD_DECLINED', `\0${'x'.repeat(5_000)}`)),
    };
    const engine = engineOn(new MemoryStore(), [definitionOf([step])]);
    const { sagaId } = await engine.sagas.start('transfer', {});
    const { error } = (await engine.sagas.wait(sagaId, { timeoutMs: 20_000 })).steps[0]!;
    expect(error?.message).to.equal(`\ufffd${'x'.repeat(3_999)}`);
    await engine.drain(0);
  });
});
