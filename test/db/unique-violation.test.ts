import { expect } from 'chai';
import { isUniqueViolation } from 'multilane';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';

describe('isUniqueViolation', () => {
  let url: string;
  before(async () => {
    url = await migratedDatabase();
    await open(url).query(
      `create table item (id bigint primary key, name text unique, amount integer check (amount > 0),
        twin bigint unique deferrable initially deferred)`,
    );
    await open(url).query("insert into item (id, name) values (1, 'one')");
  });
  afterEach(closeOpened);

  it('is true for a duplicate key, and with a constraint for that constraint only', async () => {
    const error = await rejection(open(url).query("insert into item (id, name) values (2, 'one')"));
    expect(isUniqueViolation(error)).to.equal(true);
    expect(isUniqueViolation(error, 'item_name_key')).to.equal(true);
    expect(isUniqueViolation(error, 'item_pkey')).to.equal(false);
  });

  it('is true for a duplicate key inside a transaction, which changes nothing', async () => {
    const db = open(url);
    const error = await rejection(
      db.transaction(async (tx) => {
        await tx.query('insert into item (id) values (2)');
        await tx.query('insert into item (id) values (1)');
      }),
    );
    expect(isUniqueViolation(error, 'item_pkey')).to.equal(true);
    expect(await db.many('select id from item')).to.deep.equal([{ id: 1 }]);
  });

  it('is true for a deferred constraint that is violated by the commit', async () => {
    const error = await rejection(
      open(url).transaction((tx) => tx.query('insert into item (id, twin) values (3, 7), (4, 7)')),
    );
    expect(isUniqueViolation(error, 'item_twin_key')).to.equal(true);
  });

  it('is false for the violation of another kind of constraint', async () => {
    const error = await rejection(open(url).query('insert into item (id, amount) values (5, 0)'));
    expect(error).to.have.property('constraint', 'item_amount_check');
    expect(isUniqueViolation(error)).to.equal(false);
  });

  it('is false for errors that are not of the database, and for values that are no errors', () => {
    for (const other of [new Error('other'), undefined, null, '23505', { sqlState: '23505' }]) {
      expect(isUniqueViolation(other)).to.equal(false);
    }
  });
});
