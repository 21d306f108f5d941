import { expect } from 'chai';
import { Connection, type ConnectionEvents } from '#src/db/connection.js';
import { ConnectionLostError } from '#src/db/failure.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { deferred } from './fixtures/deferred.js';
import { rejection } from './fixtures/open.js';
import { startProxy } from './fixtures/proxy.js';

describe('the watchdog of a connection', () => {
  const later = 1e9;

  it('cuts a session that has gone silent, and lets one go on that is only slow', async () => {
    const proxy = await startProxy((await startTestPostgres()).url);
    const closed = deferred<Connection>();
    const events: ConnectionEvents = { answered() {}, closed: closed.resolve };
    const connection = await Connection.open(
      {
        url: proxy.url,
        applicationName: 'test',
        connectTimeoutMs: 5000,
        statementTimeoutMs: 5000,
        readOnly: false,
      },
      events,
    );
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
});
