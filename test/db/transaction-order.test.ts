// What a transaction sends, and when, over a session that only records it.
import { expect } from 'chai';
import type { Connection, SendOptions } from '#src/db/connection.js';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { OpenTransaction, type TransactionContext } from '#src/db/open-transaction.js';
import { Lease } from '#src/db/session-lease.js';
import { StatementCache } from '#src/db/statement.js';
import { Deadline } from '#src/deadline.js';
import { DeadlineExceededError } from '#src/errors.js';
import { deferred } from './fixtures/deferred.js';
import { rejection } from './fixtures/open.js';

describe('the statements of a transaction', () => {
  const sent: string[] = [];
  let waits = 0;
  beforeEach(() => {
    sent.length = 0;
    waits = 0;
  });

  function begin(begun: Promise<unknown>, deadline = Deadline.after(10_000)): OpenTransaction {
    const session = {
      broken: false,
      sendScript: () => begun,
      send({ text }: { text: string }) {
        sent.push(text);
        return Promise.resolve({ rows: [], rowCount: 0, command: text.toUpperCase() });
      },
    };
    const context = {
      statements: new StatementCache(false),
      observe: (_operation: string, _text: string, run: () => Promise<unknown>) => run(),
      wait(awaited: Promise<unknown>) {
        waits += 1;
        return awaited.finally(() => {
          waits -= 1;
        });
      },
    };
    const lease = new Lease(session as unknown as Connection);
    return new OpenTransaction(lease, context as unknown as TransactionContext, deadline);
  }

  /** Blocks the loop, as a handler that computes does: no timer of this thread fires meanwhile. */
  function computeBeyond(deadline: Deadline): void {
    while (!deadline.passed);
  }

  it('are not sent before BEGIN has succeeded, and never if it has failed', async () => {
    const { promise, resolve } = deferred();
    const tx = begin(promise);
    const inserted = tx.query('insert into item values (1)');
    await new Promise(setImmediate);
    expect(sent).to.deep.equal([]);
    expect(waits, 'what counts as waiting for the database').to.equal(1);
    resolve();
    await inserted;
    expect(waits).to.equal(0);
    expect(sent).to.deep.equal(['insert into item values (1)']);

    const refused = begin(Promise.reject(new Error('no transaction')));
    await rejection(refused.query('insert into item values (2)'));
    expect(sent).to.have.length(1);
  });

  it('are not sent after the deadline, nor is the COMMIT, even if the loop was blocked until then', async () => {
    for (const act of [
      (tx: OpenTransaction) => tx.query('insert into item values (1)'),
      (tx: OpenTransaction) => tx.commit(),
    ]) {
      const deadline = Deadline.after(5);
      const tx = begin(Promise.resolve(), deadline);
      computeBeyond(deadline);
      expect(await rejection(act(tx))).to.be.instanceOf(DeadlineExceededError);
      expect(sent).to.deep.equal([]);
    }
  });

  it('have no session once it was returned: it may be in another transaction', () => {
    const lease = new Lease({ send: () => sent.push('sent') } as unknown as Connection);
    lease.end();
    expect(() => lease.send({ text: 'select 1' } as SendOptions)).to.throw(DatabaseMisuseError);
    expect(sent).to.deep.equal([]);
  });
});
