import { expect } from 'chai';
import { keywords, StatementCache } from '#src/db/statement.js';

const read = (text: string) => new StatementCache(true).of(text);

describe('a statement', () => {
  it('has its first word as its operation, whatever comments and parentheses are before it', () => {
    expect(keywords('  (select 1)')).to.deep.equal(['SELECT']);
    expect(keywords('-- begin\n/* commit /* nested */ */ Set local x = 1')).to.deep.equal([
      'SET',
      'LOCAL',
      'X',
    ]);
    expect(keywords('/* never closed begin')).to.deep.equal([]);
    expect(keywords(';;begin')).to.deep.equal(['BEGIN']);
    expect(keywords('')).to.deep.equal([]);
    expect(keywords('$1')).to.deep.equal([]);
  });

  it('counts as a read only if nothing in it looks like a change', () => {
    expect(read('select 1').kind).to.equal('read');
    expect(read('with x as (select 1) select * from x').kind).to.equal('read');
    expect(read('with x as (DELETE from t returning *) select * from x').kind).to.equal('write');
    expect(read('insert into t values (1)').kind).to.equal('write');
    expect(read('merge into t using s on true when matched then delete').kind).to.equal('write');
  });

  for (const text of [
    "select pg_notify('c', $1)",
    'SELECT "pg_notify" (c, t) from job',
    "with x as (select pg_catalog.pg_notify('c', 't')) select * from x",
    "values (pg_notify('c', 't'))",
    "explain analyze select pg_notify('c', 't')",
    "select query_to_xml('select pg_notify(''c'', ''t'')', true, true, '')",
    "select pg_logical_emit_message(false, 'a', 'b')",
    "select dblink_exec('host=x', 'delete from t')",
    "select * from dblink('host=x', 'delete from t returning id') as t (id int)",
    "select lo_export(1, '/tmp/x')",
    'select pg_terminate_backend(pid) from pg_stat_activity',
    "select pg_drop_replication_slot('x')",
    'select pg_stat_statements_reset()',
    'select pg_reload_conf()',
  ]) {
    it(`counts as a write if it calls a function with effects beside the tables: ${text}`, () => {
      expect(read(text).kind).to.equal('write');
    });
  }

  it('counts as a read if it only mentions the subjects of such functions', () => {
    for (const text of ['select lo_price, dblink from t', 'select slot from pg_notify_log', 'select now()']) {
      expect(read(text).kind, text).to.equal('read');
    }
  });

  for (const text of [
    'begin',
    'START transaction',
    'commit',
    'end',
    'rollback',
    'abort',
    'savepoint a',
    'set statement_timeout = 0',
    'reset all',
    'discard all',
    'listen channel',
    'prepare p as select 1',
    'deallocate all',
    'copy t from stdin',
    'lock table t',
    '/* innocent */ begin',
    "select set_config('a.b', 'c', false)",
    'select pg_advisory_lock(1)',
    'create temp table t (id int)',
    'create table pg_temp.t (id int)',
    'select 1 as x into temp t',
  ]) {
    it(`is refused on a shared session: ${text}`, () => {
      expect(read(text).refusedOnLane).to.be.a('string');
    });
  }

  for (const text of [
    'begin',
    'commit',
    'rollback',
    'rollback -- back to the start',
    'rollback work /* to a */',
    'rollback and no chain',
    'set x = 1',
    'listen c',
    'select pg_try_advisory_lock(1)',
    "select set_config('a.b', 'c', false)",
    `select pg_catalog."set_config"('a.b', 'c', false)`,
    'select set_config($1, $2, $3)',
    "select set_config('a', 'b', true), set_config('c', 'd', false)",
    "select set_config('a', ', true)', false)",
    'create temp table t (id int)',
    'CREATE or replace temporary view v as select 1',
    'create local temp table t as select 1',
    'create table pg_temp.t (id int)',
    'select 1 as x into temporary t',
    'declare c cursor with hold for select 1',
  ]) {
    it(`is refused inside a transaction: ${text}`, () => {
      expect(read(text).refusedInTransaction).to.be.a('string');
    });
  }

  for (const text of [
    'savepoint a',
    'rollback to a',
    'rollback work to savepoint a',
    'rollback /* all */ transaction to a',
    'release a',
    'set local work_mem = 1',
    'set constraints all deferred',
    'select pg_advisory_xact_lock(1)',
    'lock table t',
    "select set_config('a.b', $1, true)",
    `select "set_config"('a.b', $1, true)`,
    "select SET_CONFIG('a.b', coalesce($1, 'it''s'), TRUE ), 1",
    'create temp table t (id int) on commit drop',
    'create table temp (id int)',
    'insert into temp values (1)',
    'with moved as (insert into temp select 1 returning id) select * from moved',
    'declare c cursor for select 1',
  ]) {
    it(`is allowed inside a transaction: ${text}`, () => {
      expect(read(text).refusedInTransaction).to.equal(undefined);
    });
  }

  it('is prepared from its second use on, so that texts which are used once leave no plans behind', () => {
    const cache = new StatementCache(true);
    expect(cache.of('select 1').name).to.equal(undefined);
    const name = cache.of('select 1').name;
    expect(name).to.be.a('string');
    expect(cache.of('select 1').name).to.equal(name);
    expect(cache.of('select 2')).to.not.equal(cache.of('select 1'));
  });

  it('keeps its name when thousands of other texts are used once', () => {
    const cache = new StatementCache(true);
    cache.of('select 0');
    const { name } = cache.of('select 0');
    for (let i = 1; i < 5000; i++) cache.of(`select ${i}`);
    expect(cache.of('select 0').name).to.equal(name);
  });

  it('is never prepared with DATABASE_PREPARE=off', () => {
    const cache = new StatementCache(false);
    cache.of('select 1');
    expect(cache.of('select 1').name).to.equal(undefined);
  });

  it('is not referred from db to db.transaction, or back, if both refuse it', () => {
    for (const text of [
      'listen c',
      'copy t from stdin',
      'prepare p as select 1',
      'discard all',
      'reset all',
    ]) {
      const { refusedOnLane, refusedInTransaction } = read(text);
      expect(refusedOnLane, text)
        .to.include('nor for db.transaction: ')
        .and.not.include('use db.transaction');
      expect(refusedInTransaction, text).to.include('nor for db: ');
    }
    expect(read('commit').refusedOnLane).to.include('use db.transaction');
    expect(read('commit').refusedInTransaction).to.include('throw to roll back');
    for (const text of ['select pg_advisory_lock(1)', 'create temp table t ()', 'savepoint a']) {
      expect(read(text).refusedOnLane, text).to.include('db.transaction');
    }
  });
});
