// Runs the commands of the operators' pages as they are printed, against one process, and compares the JSON
// of its admin plane with the page about it.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Project } from '#test/support/cli.js';
import { type Cluster, cleanEnvironment, startCluster } from '#test/support/cluster.js';
import { needsCurl } from '#test/support/pending.js';
import { until } from '#test/support/until.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { blockOf, blocksIn } from './blocks.js';

const CONFIG = `
import { defineConfig, defineService, HttpError } from 'multilane';
const users = defineService({
  name: 'users',
  routes(app) {
    app.get('/api/users/:id', (ctx) => ({ id: ctx.params.id }));
    app.post('/api/checkout', () => 'done');
    ${blockOf('docs/websocket.md', "app.ws('/chat/:room', {")}
  },
});
export default defineConfig({ services: [users], gateway: ['inventory'] });
`;

/**
 * What surrounds a block: a response that is an error ends it, the process of this test replaces the one that
 * it starts, and a loop that waits runs once.
 */
const AROUND = `set -e
curl() { command curl -sSf "$@"; echo; }
multilane() { :; }
sleep() { [ -z "$slept" ] && slept=1; }
`;
/** Members whose own members are names. */
const BY_NAME = new Set(['states', 'statuses', 'refused']);
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** The names of all members of a value, but not those of counts by name, such as those by status. */
function membersOf(value: object): readonly string[] {
  const names: string[] = [];
  JSON.stringify(value, (name, inner: unknown) => {
    if (!/^\d*$/.test(name)) names.push(name);
    return BY_NAME.has(name) ? undefined : inner;
  });
  return names;
}

describe('the commands of the pages for operators', () => {
  const project = new Project({ 'package.json': '{ "type": "module" }', 'multilane.config.js': CONFIG });
  let cluster: Cluster;
  let inventory: Server;

  before(async function () {
    this.timeout(60_000);
    needsCurl(this);
    project.install();
    inventory = createServer((request, response) => response.end(`inventory ${request.url}`));
    inventory.listen(0, '127.0.0.1');
    await once(inventory, 'listening');
    cluster = await startCluster({
      config: join(project.folder, 'multilane.config.js'),
      env: { WORKERS: '1', DRAIN_MS: '500', REQUEST_LOG: 'on' },
    });
    await fetch(`${cluster.url}/api/users/7`, {
      headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` },
    });
  });
  after(async () => {
    await cluster?.dispose();
    inventory?.close();
    project.remove();
  });

  /** Runs a block in a shell. @returns what it prints */
  async function run(block: string): Promise<string> {
    const { port } = inventory.address() as AddressInfo;
    const here = block
      .replaceAll('http://127.0.0.1:8080', cluster.url)
      .replaceAll('http://127.0.0.1:9901', cluster.adminUrl)
      .replaceAll('"port":5000', `"port":${port}`)
      .replaceAll('seconds=10', 'seconds=1');
    const options = { cwd: project.folder, env: cleanEnvironment({ A: cluster.adminUrl }), timeout: 30_000 };
    const { stdout } = await promisify(execFile)('/bin/sh', ['-c', `${AROUND}${here}`], options);
    return stdout;
  }

  it('work in docs/operations.md', async () => {
    const printed = await run(blockOf('docs/operations.md', 'A=http'));
    expect(printed).to.include('orders are late').and.include('/api/checkout');
    const response = await fetch(`${cluster.url}/api/checkout`, { method: 'POST' });
    expect(response.status).to.equal(503);
  });

  it('work in docs/cpu.md', async () => {
    expect(await run(blockOf('docs/cpu.md', 'curl -X PUT $A/switches/cpu-threads'))).to.include('threads');
  });

  it('work in docs/observability.md', async () => {
    await until(
      async () => (await fetch(`${cluster.adminUrl}/traces/${TRACE}`)).status,
      (status) => status === 200,
    );
    const printed = await run(blockOf('docs/observability.md', 'A=http'));
    expect(printed).to.include(TRACE).and.include('/api/users/{id}');
    expect(await run(blockOf('docs/observability.md', 'curl -X PUT $A/switches/request-log'))).to.include(
      '0.1',
    );
  });

  it('show a line of the request log in docs/observability.md with the fields that it has', async () => {
    const shown = JSON.parse(blockOf('docs/observability.md', '{"level":30')) as Record<string, unknown>;
    const line = await until(
      () => cluster.logs().find(({ logger, route }) => logger === 'request' && route === shown.route),
      (found) => found !== undefined,
    );
    expect(Object.keys(shown)).to.deep.equal(Object.keys(line!));
    expect(line).to.include({
      level: 30,
      service: 'users',
      path: '/api/users/7',
      status: 200,
      trace_id: TRACE,
    });
  });

  it('register an instance, and reach it through the gateway, in docs/services.md and docs/gateway.md', async () => {
    const register = blockOf('docs/services.md', 'INSTANCE=http');
    expect(await run(register)).to.include('py1');
    expect(await run(blockOf('docs/gateway.md', 'GATEWAY=orders,inventory'))).to.include(
      'inventory /items/7?full=1',
    );
  });

  for (const { title, text } of blocksIn('docs/admin-json.md').filter(({ language }) => language === '')) {
    const [, path = ''] = /^`GET (\/[\w/]+)/.exec(title) ?? [];
    it(`have responses with the members that docs/admin-json.md shows: ${path}`, async () => {
      const query = path === '/routes/histogram' ? '?method=GET&route=/api/users/{id}' : '';
      const response = await fetch(`${cluster.adminUrl}${path}${query}`);
      const json = (await response.json()) as object;
      expect(response.status, JSON.stringify(json)).to.equal(200);
      const shown: readonly string[] = text.match(/[a-z]\w*/gi) ?? [];
      expect(membersOf(json).filter((name) => !shown.includes(name))).to.deep.equal([]);
    });
  }

  it('write a profile in docs/cluster.md', async () => {
    await run(blockOf('docs/cluster.md', 'curl -OJ'));
    expect(existsSync(join(project.folder, 'worker-1.cpuprofile'))).to.equal(true);
  });

  it('have a chat beside them, that of docs/websocket.md', async () => {
    expect((await fetch(`${cluster.url}/chat/lobby?user=ada`)).status).to.equal(426);
    await WebSocketClient.connect(`${cluster.url}/chat/lobby`).then(
      () => expect.fail('it was admitted'),
      (error: Error) => expect(error.message).to.include('401'),
    );
    const [ada, bob] = await Promise.all(
      ['ada', 'bob'].map((user) => WebSocketClient.connect(`${cluster.url}/chat/lobby?user=${user}`)),
    );
    ada!.send('hello');
    expect(await bob!.next()).to.equal('hello');
    ada!.destroy();
    expect(await bob!.next()).to.equal('ada left');
    bob!.destroy();
  });
});
