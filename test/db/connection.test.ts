import { expect } from 'chai';
import pg from 'pg';
import { Connection, type ConnectionEvents } from '#src/db/connection.js';
import { ConnectionLostError } from '#src/db/database-errors.js';
import { isStalePlan, StatementError } from '#src/db/statement-error.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { until } from '#test/support/until.js';
import { deferred } from './fixtures/deferred.js';
import { rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';
import { startRefusingServer } from './fixtures/refusing-server.js';

const later = 1e9;

const connect = (url: string, events: ConnectionEvents): Promise<Connection> =>
  Connection.open(
    { url, applicationName: 'test', connectTimeoutMs: 5000, statementTimeoutMs: undefined, readOnly: false },
    events,
  );

describe('the watchdog of a connection', () => {
  it('cuts a session on which the server is silent, and not one that is only slow', async () => {
    const proxy = await startProxy((await startTestPostgres()).url);
    const closed = deferred<Connection>();
    const events: ConnectionEvents = { completed() {}, closed: closed.resolve };
    const connection = await connect(proxy.url, events);
    expect(
      (await connection.send({ text: 'select 1 as x', limitMs: 5000, deadlineAt: later })).rows,
    ).to.deep.equal([{ x: 1 }]);
    proxy.swallowAnswers();
    const unanswered = connection.send({ text: 'select 1', limitMs: 5000, deadlineAt: later });
    const look = (watchedMs: number): void => connection.sweep(performance.now(), watchedMs);
    look(7_000); // limit and grace
    look(100);
    expect(connection.broken).to.equal(false);
    look(0);
    expect(await rejection(unanswered)).to.be.instanceOf(ConnectionLostError);
    expect(await closed.promise).to.equal(connection);
    await proxy.close();
  });

  it('has the server cancel the statement, and counts the session until it has received the request', async () => {
    const { url } = await startTestPostgres();
    const proxy = await startProxy(url);
    const closed = deferred();
    let isClosed = false;
    const connection = await connect(proxy.url, {
      completed() {},
      closed() {
        isClosed = true;
        closed.resolve();
      },
    });
    const cancelled = deferred<boolean>();
    proxy.onRequest = (data) => {
      if (data.length === 16 && data.readInt32BE(4) === 80_877_102) cancelled.resolve(isClosed);
    };
    const text = 'select pg_sleep(60), 4711';
    const unanswered = rejection(connection.send({ text, limitMs: 100, deadlineAt: later }));
    const server = new pg.Client({ connectionString: url });
    await server.connect();
    const running = `select 1 from pg_stat_activity where query = '${text}' and state = 'active'`;
    const isRunning = async (): Promise<boolean> => (await server.query(running)).rowCount === 1;
    expect(await until(isRunning, (is) => is)).to.equal(true);
    for (let i = 0; i < 2; i++) connection.sweep(performance.now(), 3_000);
    expect(await unanswered).to.be.instanceOf(ConnectionLostError);
    expect(await cancelled.promise).to.equal(false);
    await closed.promise;
    expect(await until(isRunning, (is) => !is)).to.equal(false);
    await server.end();
    await proxy.close();
  });
});

describe('an error of a server whose messages are translated', () => {
  const errorOf = async (fields: Record<string, string>, goesOn: boolean): Promise<[Error, Connection]> => {
    const server = await startRefusingServer(fields, { goesOn });
    const connection = await connect(server.url, { completed() {}, closed() {} });
    const error = await rejection(connection.send({ text: 'select 1', limitMs: 5000, deadlineAt: later }));
    server.close();
    return [error, connection];
  };

  it('counts as a lost connection when it ends the session', async () => {
    const full = { S: 'PANIK', V: 'PANIC', C: '53100', M: 'konnte nicht schreiben' };
    const [error, connection] = await errorOf(full, false);
    expect(error).to.be.instanceOf(ConnectionLostError);
    expect(connection.broken).to.equal(true);
  });

  it('is a refusal when the session goes on, whatever the code is', async () => {
    const raised = { S: 'FEHLER', V: 'ERROR', C: '57P01', M: 'von einer Funktion' };
    const [error, connection] = await errorOf(raised, true);
    expect(error).to.be.instanceOf(StatementError).and.to.include({ sqlState: '57P01' });
    connection.destroy();
  });

  it('is recognized as a stale plan by the parts that are not translated', async () => {
    const stale = { S: 'FEHLER', V: 'ERROR', C: '0A000', M: 'gecachter Plan', R: 'RevalidateCachedQuery' };
    const [error, connection] = await errorOf(stale, true);
    expect(isStalePlan(error)).to.equal(true);
    connection.destroy();
  });
});
