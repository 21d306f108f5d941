// The examples, copied out of the repository, and the commands of their READMEs. one-brain, three-primaries,
// and those that need other programs have tests of their own.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { get, json, post, unique } from '#test/support/client.js';
import { cleanEnvironment, newDataDir, ROOT } from '#test/support/cluster.js';
import { type Ended, runPrimary } from '#test/support/command.js';
import { Example, exampleNames, useExample, useStarted } from '#test/support/example.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { reap } from '#test/support/leftovers.js';
import { nodeTest } from '#test/support/node-test.js';
import { type Started, startThrough } from '#test/support/start-through.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { useSharedShop } from './shop.js';

describe('the examples', () => {
  const shop = useSharedShop();
  const examples = new Map<string, Example>();
  before(() => {
    for (const name of exampleNames()) examples.set(name, new Example(name));
  });
  after(() => {
    for (const example of examples.values()) example.remove();
  });

  it('have each a package.json with which they are installed outside of this repository', () => {
    const ours = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly version: string };
    const template = JSON.parse(readFileSync('template/js/package.json', 'utf8')) as Record<string, unknown>;
    for (const [name, { manifest }] of examples) {
      expect(manifest, name).to.deep.include({
        name: `multilane-example-${name}`,
        private: true,
        type: 'module',
        engines: template.engines,
        allowScripts: template.allowScripts,
      });
      expect(manifest.dependencies.multilane, name).to.equal(`^${ours.version}`);
      expect(manifest.scripts.start, name).to.be.a('string');
    }
  });

  it('begin their README with the two commands that start them', () => {
    for (const [name, example] of examples) {
      expect(example.read('README.md'), name).to.match(new RegExp(`^# ${name}\n`));
      expect(example.steps(), name).to.be.an('array');
    }
  });

  it('are all on the page that lists them', () => {
    const page = readFileSync(join(ROOT, 'examples/README.md'), 'utf8');
    const listed = [...page.matchAll(/^\| \[([\w-]+)\]\(\1\/README\.md\) /gm)].map(([, name]) => name);
    expect(listed).to.have.members([...examples.keys()]);
  });

  const isTested = (name: string): boolean => existsSync(join(ROOT, 'examples', name, 'test'));
  for (const name of exampleNames().filter((one) => isTested(one) && one !== 'typescript'))
    it(`pass their own tests (${name}), as \`npm test\` runs them`, async function () {
      this.timeout(60_000);
      const example = examples.get(name)!;
      expect(example.manifest.scripts.test).to.equal('node --test');
      const { code, output } = await nodeTest(example.folder, [], { TEST_DATABASE_URL: shop.sql.url() });
      expect(code, output).to.equal(0);
      expect(output).to.match(/^# pass [1-9]\d*$/m);
    });
});

describe('the example hello, by `npm start`', () => {
  const example = useExample('hello');
  const dataDir = newDataDir();
  let started: Started;
  before(async function () {
    this.timeout(60_000);
    started = await startThrough('npm', ['start'], dataDir, { DRAIN_MS: '500' }, example.folder);
  });
  after(async function () {
    this.timeout(30_000);
    started?.child.kill('SIGTERM');
    await started?.exited();
    await reap(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('does what its README shows', () => example.run(started));
});

describe('the example typescript, on a PostgreSQL server by DATABASE_URL', () => {
  const shop = useSharedShop();
  const example = useExample('typescript');
  const dataDir = newDataDir();
  let started: Started | undefined;
  after(async function () {
    this.timeout(30_000);
    started?.child.kill('SIGTERM');
    await started?.exited();
    await reap(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('compiles, starts, and does what its README shows', async function () {
    this.timeout(60_000);
    const env = { DATABASE_URL: shop.sql.url(), DRAIN_MS: '500' };
    started = await startThrough('npm', ['start'], dataDir, env, example.folder);
    await example.run(started);
  });

  it('passes its own tests, by `npm test`', async function () {
    this.timeout(60_000);
    const env = cleanEnvironment({ TEST_DATABASE_URL: shop.sql.url(), NODE_V8_COVERAGE: '' });
    const options = { cwd: example.folder, env };
    const { stdout } = await promisify(execFile)('npm', ['test'], options);
    expect(stdout).to.match(/^(?:#|ℹ) pass 4$/m);
  });

  it('has no error of types', async function () {
    this.timeout(60_000);
    await promisify(execFile)('npm', ['run', 'check'], { cwd: example.folder, env: cleanEnvironment() });
  });
});

describe('the example notes, on a PostgreSQL server by DATABASE_URL', () => {
  const shop = useSharedShop();
  const example = useExample('notes');
  const cluster = useStarted(example, () => ({ env: { DATABASE_URL: shop.sql.url() } }));

  it('does what its README shows', () => example.run(cluster));
});

for (const name of ['hono', 'express-unchanged', 'fastify-unchanged', 'upload', 'fractal'])
  describe(`the example ${name}`, () => {
    const example = useExample(name);
    const cluster = useStarted(example);

    it('does what its README shows', () => example.run(cluster));
  });

describe('the example feed, on a PostgreSQL server by DATABASE_URL', () => {
  const shop = useSharedShop();
  const example = useExample('feed');
  const cluster = useStarted(example, () => ({ env: { DATABASE_URL: shop.sql.url() } }));

  it('does what its README shows: a client that follows the feed gets the entry that is added', async () => {
    const [follow, ...add] = example.steps();
    await example.follow(cluster, follow!, () => example.run(cluster, add));
  });

  it('sends an entry to the clients of all workers', async () => {
    const leaving = new AbortController();
    const headers = { 'last-event-id': '0' };
    const open = () => fetch(`${cluster.url}/feed`, { headers, signal: leaving.signal });
    const text = unique('for all');
    // Connections go to the workers in turn.
    const streams = await Promise.all(Array.from({ length: 4 }, open));
    const readers = streams.map(async ({ body }) => {
      let read = '';
      for await (const piece of body!.pipeThrough(new TextDecoderStream())) {
        read += piece;
        if (read.includes(text)) return;
      }
      expect.fail(`a stream has ended: ${read}`);
    });
    await json(await post(`${cluster.url}/entries`, { text }), 201);
    await Promise.all(readers);
    leaving.abort();
  });
});

describe('the example chat', () => {
  const example = useExample('chat');
  const cluster = useStarted(example);

  const enter = (name: string): Promise<WebSocketClient> =>
    WebSocketClient.connect(`${cluster.url}/chat/lobby?name=${name}`, { origin: cluster.url });
  const next = async (client: WebSocketClient): Promise<unknown> => JSON.parse(String(await client.next()));

  it('is a page that opens a WebSocket', async () => {
    const response = await get(`${cluster.url}/`);
    expect(response.headers.get('content-type')).to.match(/^text\/html/);
    expect(await response.text()).to.include('new WebSocket(');
  });

  it('delivers a message of one client to the others, whichever workers they are on', async () => {
    const clients: WebSocketClient[] = [];
    for (const name of ['ada', 'bob', 'eve']) {
      clients.push(await enter(name));
      for (const present of clients) expect(await next(present)).to.deep.equal({ joined: name });
    }
    const [ada, bob, eve] = clients as [WebSocketClient, WebSocketClient, WebSocketClient];
    ada.send('hello');
    for (const other of [bob, eve]) expect(await next(other)).to.deep.equal({ from: 'ada', text: 'hello' });
    const announced = await fetch(`${cluster.url}/rooms/lobby/announce`, { method: 'POST', body: 'dinner' });
    expect(announced.status).to.equal(204);
    for (const all of clients) expect(await next(all)).to.deep.equal({ announcement: 'dinner' });
    eve.send(Buffer.from([1]));
    expect(await eve.closed()).to.deep.equal({ code: 1003, reason: 'text only' });
    expect(await next(ada)).to.deep.equal({ left: 'eve' });
    for (const client of clients) client.destroy();
  });

  it('admits no client without a name, and no page of another site', async () => {
    const statusOf = async (path: string, fields: readonly string[]): Promise<number | undefined> => {
      const wire = await Wire.open(cluster.url);
      const response = await wire.request('GET', path, fields);
      wire.destroy();
      return response?.status;
    };
    expect(await statusOf('/chat/lobby', HANDSHAKE)).to.equal(422);
    const foreign = [...HANDSHAKE, 'Origin: https://evil.example'];
    expect(await statusOf('/chat/lobby?name=eve', foreign)).to.equal(403);
  });

  it('continues its count where the client was disconnected', async () => {
    const leaving = new AbortController();
    const headers = { 'last-event-id': '41' };
    const response = await fetch(`${cluster.url}/count`, { headers, signal: leaving.signal });
    expect(response.headers.get('content-type')).to.equal('text/event-stream');
    let text = '';
    for await (const chunk of response.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('id: 43')) break;
    }
    leaving.abort();
    expect(text).to.include('retry: 1000\n\n').and.include('event: count\nid: 42\ndata: {"n":42}\n\n');
  });

  // It reloads all workers.
  it('does what its README shows', () => example.run(cluster));
});

interface Trip {
  readonly sagaId: string;
  readonly status: string;
  readonly bookings: Readonly<Record<string, { readonly id: number }>> | null;
}
interface Places {
  readonly kind: string;
  readonly destination: string;
  readonly places: number;
}

describe('the example travel, a different saga on the same engine, on a PostgreSQL server by DATABASE_URL', () => {
  const shop = useSharedShop();
  const example = useExample('travel');
  let pauper: Ended;
  before(async function () {
    this.timeout(60_000);
    await shop.sql.query('postgres', `create role pauper login password 'none'`);
    pauper = await runPrimary({
      args: ['--config', example.config],
      env: { DATABASE_URL: shop.sql.url('pauper', 'none') },
    });
  });
  const cluster = useStarted(example, () => ({ env: { DATABASE_URL: shop.sql.url() } }));

  it('needs the right to create its database, and otherwise prints the statements that create it', () => {
    expect(pauper.code, pauper.stderr).to.equal(1);
    expect(pauper.stderr).to.match(/create database "?travel"?/i);
    expect(pauper.leftovers).to.deep.equal([]);
  });

  it('starts no PostgreSQL of its own and makes a database of its own name there', async () => {
    expect(cluster.leftovers()).to.have.length(1);
    const found = await shop.sql.query('travel', 'select kind from inventory limit 1');
    expect(found).to.have.length(1);
  });

  it('does what its README shows', () => example.run(cluster));

  const places = async (destination: string): Promise<Record<string, number>> => {
    const all = await json<Places[]>(await get(`${cluster.url}/api/inventory`));
    const there = all.filter((row) => row.destination === destination);
    return Object.fromEntries(there.map((row) => [row.kind, row.places]));
  };
  const book = async (destination: string, key: string): Promise<Trip> => {
    const headers = { 'idempotency-key': key };
    const started = await post(`${cluster.url}/api/trips`, { traveller: 'Ada', destination }, headers);
    const { sagaId } = await json<Trip>(started, 202);
    return json<Trip>(await get(`${cluster.url}/api/trips/${sagaId}?wait=10`));
  };

  it('books flight, hotel and car', async () => {
    const before = await places('Lisbon');
    const trip = await book('Lisbon', unique('trip'));
    expect(trip.status).to.equal('completed');
    expect(Object.keys(trip.bookings ?? {})).to.have.members(['book-flight', 'book-hotel', 'book-car']);
    const after = await places('Lisbon');
    for (const kind of ['flight', 'hotel', 'car']) expect(after[kind]).to.equal(before[kind]! - 1);
  });
});
