import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { closePlanes, plane } from '#test/admin/admin-fixture.js';
import { multilane, Project } from '#test/support/cli.js';
import { responseTo } from './plane-responses.js';

const TOKEN = 'an-admin-token-of-more-than-32-characters';
const WORKERS: AdminRoute = { method: 'GET', path: '/workers', handler: () => ({ status: 200, json: [] }) };

describe('a command that connects to the admin plane', () => {
  const project = new Project({ token: `${TOKEN}\n`, 'two-lines': 'a\nb\n' });
  let url: string;
  before(async () => {
    url = (await plane([WORKERS], { token: TOKEN })).url;
  });
  after(async () => {
    project.remove();
    await closePlanes();
  });
  const ps = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    multilane(['ps', '--json', ...args], { cwd: project.folder, env });

  it('takes the token from the environment', async () => {
    for (const name of ['ADMIN_TOKEN', 'MULTILANE_ADMIN_TOKEN']) {
      expect(await ps(['--admin', url], { [name]: TOKEN })).to.include({ code: 0, stdout: '[]\n' });
    }
  });

  it('prefers the token of a file to that of the environment', async () => {
    expect(await ps(['--admin', url, '--token-file', 'token'], { ADMIN_TOKEN: 'old' })).to.include({
      code: 0,
    });
  });

  it('finds the admin plane and the token in the settings of the project', async () => {
    const config = { adminPort: Number(new URL(url).port), adminToken: TOKEN };
    project.write('multilane.config.json', JSON.stringify(config));
    expect(await ps([])).to.include({ code: 0, stdout: '[]\n' });
    rmSync(join(project.folder, 'multilane.config.json'));
  });

  it('reports how the address is set when nothing listens there', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const free = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.close();
    await once(server, 'close');
    const run = await ps(['--admin', free]);
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(
      new RegExp(
        `^multilane: no admin plane responds at ${free}: nothing listens .*ADMIN_PORT.*--admin URL\n$`,
      ),
    );
  });

  it('changes no process of another project, unless its plane is named', async () => {
    const changed: string[] = [];
    let running = {};
    const route = (method: 'GET' | 'POST', path: string, json: () => object): AdminRoute => ({
      ...{ method, path },
      handler: () => {
        if (method === 'POST') changed.push(path);
        return { status: 200, json: json() };
      },
    });
    const overview = () => ({ ...(responseTo('/overview') as object), process: running });
    const saga = () => responseTo('/sagas/i') as object;
    const actions = ['retry', 'compensate', 'skip'] as const;
    const { url: other } = await plane([
      route('GET', '/overview', overview),
      ...actions.map((action) => route('POST', `/sagas/:id/${action}`, saga)),
    ]);
    const config = { adminPort: Number(new URL(other).port) };
    project.write('multilane.config.json', JSON.stringify(config));
    const act = (...args: readonly string[]) => multilane(['sagas', ...args], { cwd: project.folder });

    running = { pid: 42, host: hostname(), folder: '/elsewhere/shop' };
    for (const action of actions) {
      const refused = await act(action, 'i');
      expect(refused).to.include({ code: 1, stdout: '' });
      expect(refused.stderr).to.include(
        `${other} (pid 42) runs the project in /elsewhere/shop, not the one in `,
      );
    }
    expect(changed).to.deep.equal([]);
    expect(await act('retry', 'i', '--admin', other)).to.include({ code: 0 });
    for (const same of [
      { pid: 42, host: hostname(), folder: project.folder },
      { pid: 42, host: 'another machine', folder: '/elsewhere/shop' },
      { pid: 42, host: hostname() },
    ]) {
      running = same;
      expect(await act('retry', 'i')).to.include({ code: 0 });
    }
    expect(changed).to.have.length(4);
    rmSync(join(project.folder, 'multilane.config.json'));
    running = { pid: 42, host: hostname(), folder: '/elsewhere/shop' };
    const env = { ADMIN_PORT: String(config.adminPort) };
    const nowhere = await multilane(['sagas', 'retry', 'i'], { cwd: project.folder, env });
    expect(nowhere).to.include({ code: 1, stdout: '' });
    expect(nowhere.stderr).to.include('runs the project in /elsewhere/shop, and there is none in ');
    expect(changed).to.have.length(4);
  }).timeout(20_000);

  it('reports how to provide a missing token', async () => {
    const run = await ps(['--admin', url]);
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(/^multilane: 401 UNAUTHORIZED: .*ADMIN_TOKEN.*--token-file/);
    expect(run.stderr).to.include('"authorization", after the word "Bearer"').and.not.include('redacted');
  });

  it('reports with the address that another plane of ours listens, such as the data plane', async () => {
    const other = await plane([], { token: TOKEN });
    const run = await ps(['--admin', other.url], { ADMIN_TOKEN: TOKEN });
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.equal(
      `multilane: ${other.url} is no admin plane of this version: ` +
        '404 ROUTE_NOT_FOUND: There is nothing at this path.\n',
    );
  });

  it('never prints a token', async () => {
    const run = await ps(['--admin', url], { ADMIN_TOKEN: 'wrong-token-wrong-token' });
    expect(run.code).to.equal(1);
    expect(run.stderr).to.not.include('wrong-token');
  });

  it('refuses a token file that does not hold one token', async () => {
    expect((await ps(['--admin', url, '--token-file', 'two-lines'])).stderr).to.match(
      /two-lines does not hold one/,
    );
    expect(await ps(['--admin', url, '--token-file', 'absent'])).to.include({ code: 78 });
  });

  it('reports that nothing listens, with the address', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, 'close');
    const run = await multilane(['ps'], { cwd: project.folder, env: { ADMIN_PORT: String(port) } });
    expect(run).to.include({ code: 1, stdout: '' });
    expect(run.stderr).to.match(
      new RegExp(`no admin plane responds at http://127\\.0\\.0\\.1:${port}: nothing listens`),
    );
  });

  it('reports that another program listens', async () => {
    const other = createServer((_request, response) => response.end('<html>')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const run = await ps(['--admin', `http://127.0.0.1:${port}`]);
    other.close();
    expect(run.code).to.equal(1);
    expect(run.stderr).to.match(/is no admin plane/);
  });

  it('requires --admin when ADMIN_PORT is 0', async () => {
    const run = await multilane(['ps'], { cwd: project.folder, env: { ADMIN_PORT: '0' } });
    expect(run.code).to.equal(78);
    expect(run.stderr).to.match(/ADMIN_PORT is 0.*--admin/);
  });
});
