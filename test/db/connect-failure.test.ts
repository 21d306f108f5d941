// A database that cannot be reached at start: one line names the setting, the server, the reason, the next
// step.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { prepareDatabases } from '#src/db/databases.js';
import { maxConnectionsOf } from '#src/db/server-probe.js';
import { addressOf, serverOf, withDatabase } from '#src/db/server-url.js';
import { StartError } from '#src/errors.js';
import { defineService } from '#src/index.js';
import { ServiceDatabases } from '#src/primary/service-databases.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { startTestPostgres } from '#test/support/postgres.js';
import { silentLog } from '#test/support/silent-log.js';
import { rejection } from './fixtures/open.js';

const SECRET = 'hunter2secret';
const SETTING = 'SHOP_DATABASE_URL';
const SSL_REQUEST_BYTES = 8;

const MIGRATIONS = pathToFileURL('src/services/users/migrations/');

describe('the error of a database that cannot be reached, with setting, address and advice', () => {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const listen = async (serve: (socket: Socket) => void): Promise<number> => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      serve(socket);
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers.splice(0)) server.close();
    sockets.clear();
  });

  const failureAt = async (server: string): Promise<string> => {
    const target = { name: 'shop', server, setting: SETTING, migrations: undefined };
    const error = await rejection(prepareDatabases([target], silentLog));
    expect(error).to.be.instanceOf(StartError);
    return error.message;
  };
  const urlOf = (port: number, rest = '/postgres'): string =>
    `postgres://shop:${SECRET}@127.0.0.1:${port}${rest}`;

  /** Everything that the line must contain, whatever the reason is. */
  const expectLine = (line: string, address: string, reason: RegExp, next: RegExp): void => {
    expect(line).to.match(
      new RegExp(`^${SETTING}: cannot connect to the database of "shop" at ${address}: `),
    );
    expect(line).to.match(reason);
    expect(line.split('; ').at(-1)).to.match(next);
    expect(line).to.not.include(SECRET).and.not.include('\n');
  };

  it('is reported when nothing listens at the address', async () => {
    expectLine(await failureAt(urlOf(1)), '127.0.0.1:1', /ECONNREFUSED/, /start PostgreSQL there/);
  });

  it('is reported when the host is not known', async () => {
    const url = `postgres://shop:${SECRET}@absent.invalid:6543/postgres`;
    expectLine(await failureAt(url), 'absent.invalid:6543', /ENOTFOUND|EAI_AGAIN/, /check the host/);
  });

  it('is reported when the server never responds', async () => {
    const port = await listen(() => undefined);
    expectLine(await failureAt(urlOf(port)), `127.0.0.1:${port}`, /timeout/, /network in between/);
  });

  it('is reported when it is no PostgreSQL server', async () => {
    const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expectLine(await failureAt(urlOf(port)), `127.0.0.1:${port}`, /./, /names a PostgreSQL server/);
  });

  it('is reported when the server has no TLS', async () => {
    const port = await listen((socket) => socket.once('data', () => socket.write('N')));
    const line = await failureAt(urlOf(port, '/postgres?sslmode=verify-full'));
    expectLine(line, `127.0.0.1:${port}`, /SSL/, /check sslmode and the certificates/);
  });

  it('is reported when the certificate is not trusted', async function () {
    needsOpenssl(this);
    const folder = mkdtempSync(join(tmpdir(), 'multilane-connect-'));
    const { certFile, keyFile } = makeCertificate(folder, 'stranger');
    try {
      const { readFileSync } = await import('node:fs');
      const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
      const port = await listen((socket) =>
        socket.once('data', (request: Buffer) => {
          expect(request).to.have.length(SSL_REQUEST_BYTES);
          socket.write('S');
          new TLSSocket(socket, { isServer: true, cert, key }).on('error', () => undefined);
        }),
      );
      const line = await failureAt(urlOf(port, '/postgres?sslmode=verify-full'));
      expectLine(line, `127.0.0.1:${port}`, /certificate/, /check sslmode and the certificates/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is reported when a file with certificates is missing', async () => {
    const line = await failureAt(urlOf(1, '/postgres?sslmode=verify-full&sslrootcert=/absent/root.pem'));
    expectLine(line, '127.0.0.1:1', /\/absent\/root\.pem/, /check sslmode and the certificates/);
  });

  it('is reported when the password is wrong or the role does not exist', async () => {
    const { url } = await startTestPostgres();
    for (const user of ['postgres', 'role-that-does-not-exist']) {
      const wrong = new URL(url);
      wrong.username = user;
      wrong.password = SECRET;
      expectLine(await failureAt(wrong.href), addressOf(url), /authentication failed/, /user and password/);
    }
  });

  it('is reported when the maintenance database does not exist', async () => {
    const line = await failureAt(withDatabase((await startTestPostgres()).url, 'absent'));
    expectLine(line, '\\S+', /"absent" does not exist/, /existing database in the path/);
  });

  it('is reported when max_connections is queried', async () => {
    const error = await rejection(maxConnectionsOf({ service: 'shop', setting: SETTING }, urlOf(1)));
    expect(error).to.be.instanceOf(StartError);
    expectLine(error.message, '127.0.0.1:1', /ECONNREFUSED/, /start PostgreSQL there/);
  });

  it('names the setting that the URL comes from', async () => {
    const services = ['users', 'order-lines'].map((name) =>
      defineService({ name, migrations: MIGRATIONS, routes: () => undefined }),
    );
    for (const [databaseUrl, serviceDatabaseUrls, name] of [
      [urlOf(1), {}, 'DATABASE_URL'],
      [urlOf(2), { users: urlOf(1), 'order-lines': urlOf(1) }, '(USERS|ORDER_LINES)_DATABASE_URL'],
    ] as const) {
      const settings = { databaseUrl, serviceDatabaseUrls, workers: 1 } as never;
      const databases = new ServiceDatabases(settings, services, silentLog as never);
      const failures = [
        rejection(databases.prepare(undefined, false, async () => undefined)),
        rejection(databases.states(undefined)),
      ];
      for (const { message } of await Promise.all(failures)) {
        expect(message).to.match(new RegExp(`^${name}: .* at 127\\.0\\.0\\.1:1: `));
      }
    }
  });
});

describe('the URL of a server', () => {
  it('keeps everything but the database', () => {
    expect(withDatabase('postgres://u:p@h:1/postgres?sslmode=require', 'users')).to.equal(
      'postgres://u:p@h:1/users?sslmode=require',
    );
  });

  it('is shown as an address without user and password', () => {
    expect(addressOf('postgres://u:p@h/postgres')).to.equal('h:5432');
    expect(addressOf('postgres://u:p@h:1/postgres?host=/run/pg')).to.equal('/run/pg');
    expect(addressOf('postgres://u:p@h:1/postgres?host=other&port=2')).to.equal('other:2');
  });

  it('may name a socket folder and no host', () => {
    const url = 'postgres://u:p@/postgres?host=/run/pg';
    expect(serverOf(url)).to.deep.equal({ host: '/run/pg', port: 5432 });
    expect(addressOf(withDatabase(url, 'users'))).to.equal('/run/pg');
    expect(new URL(withDatabase(url, 'users')).pathname).to.equal('/users');
  });
});
