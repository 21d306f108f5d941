import { expect } from 'chai';
import { StatementError } from '#src/db/statement-error.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';

describe('the errors of statements', () => {
  let url: string;

  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint primary key, name text unique)');
  });

  afterEach(closeOpened);

  const WAYS: readonly (readonly [
    string,
    (db: ReturnType<typeof open>, text: string) => Promise<unknown>,
  ])[] = [
    ['query', async (db, text) => await db.query(text, [4711])],
    ['one', async (db, text) => await db.one(text, [4711])],
    ['a transaction', async (db, text) => await db.transaction(async (tx) => await tx.many(text, [4711]))],
  ];

  for (const [way, send] of WAYS) {
    it(`of ${way} that the server refuses have the statement and the stack of their sender`, async () => {
      const error = await rejection(send(open(url), 'select\n $1::int,  nonsense'));
      expect(error).to.be.instanceOf(StatementError);
      const [head, first] = String(error.stack).split('\n');
      expect(head).to.equal('StatementError: column "nonsense" does not exist (SQLSTATE 42703)');
      expect(first).to.include('statement-error.test.');
      expect(error).to.include({ statement: 'select $1::int, nonsense', sqlState: '42703' });
      expect(error.cause).to.equal(undefined);
      expect(JSON.stringify(error)).to.not.include('4711');
    });
  }

  it('are shown around the position of the error when they are long', async () => {
    const text = `select ${'1, '.repeat(1000)}nonsense, ${'2, '.repeat(1000)}3`;
    const { statement } = (await rejection(open(url).query(text))) as StatementError;
    expect(statement)
      .to.match(/^…(?:1, )+nonsense, (?:2, )+2?,?…$/)
      .and.to.have.length.below(320);
  });
});
