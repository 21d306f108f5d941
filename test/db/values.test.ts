import { expect } from 'chai';
import { DatabaseMisuseError } from '#src/db/database-errors.js';
import { closeOpened, migratedDatabase, open, rejection } from './fixtures/open.js';

describe('the values of statements', () => {
  let url: string;

  before(async () => {
    url = await migratedDatabase();
    await open(url).query('create table item (id bigint primary key, name text unique)');
  });

  afterEach(closeOpened);

  it('are read as numbers for int8 and int8[], Date for timestamptz, and parsed for json', async () => {
    const row = await open(
      url,
    ).one(`select 9007199254740991::int8 as big, now() as at, '{"a":[1]}'::jsonb as json,
      '{1,null,3}'::int8[] as list, null::int8 as nothing`);
    expect(row).to.deep.include({
      big: 9007199254740991,
      json: { a: [1] },
      list: [1, null, 3],
      nothing: null,
    });
    expect(row.at).to.be.instanceOf(Date);
  });

  it('fail for an int8 that a number cannot hold, and the session goes on', async () => {
    const db = open(url);
    expect(await rejection(db.query('select 9007199254740993::int8 as x'))).to.be.instanceOf(RangeError);
    expect(await db.one('select 1 as x')).to.deep.equal({ x: 1 });
  });

  it('must be an array, of at most as many values as the protocol can count', async () => {
    const db = open(url);
    const ways = [
      (values: never) => db.query('select $1::int', values),
      (values: never) => db.transaction((tx) => tx.query('select $1::int', values)),
    ];
    for (const query of ways) {
      for (const [values, message] of [
        [{ a: 1 }, 'are an array'],
        ['text', 'are an array'],
        [Array.from({ length: 65_536 + 1 }, () => 1), 'at most 65535'],
      ] as const) {
        const error = await rejection(query(values as never));
        expect(error).to.be.instanceOf(DatabaseMisuseError);
        expect(error.message).to.include(message);
      }
    }
  });

  it('are refused before anything is sent if one has no text form', async () => {
    const db = open(url);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    for (let i = 0; i < 3; i++)
      expect(await rejection(db.query('select $1::jsonb', [circular]))).to.be.instanceOf(TypeError);
    expect(await db.one('select $1::jsonb as x', [{ a: 1 }])).to.deep.equal({ x: { a: 1 } });
  });

  it('are refused as invalid if a text cannot be stored by PostgreSQL', async () => {
    const error = await rejection(open(url).query('insert into item values (3, $1)', ['a\u0000b']));
    expect(error).to.have.property('code', 'VALIDATION_FAILED');
  });
});
