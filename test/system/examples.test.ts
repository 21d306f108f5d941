import { join } from 'node:path';
import { expect } from 'chai';
import { get, json, post, unique } from '#test/support/client.js';
import { type Cluster, ROOT, startCluster } from '#test/support/cluster.js';
import { type Ended, runPrimary } from '#test/support/command.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { expectProblem } from '#test/support/problem.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { type Shop, sharedShop } from './shop.js';

const configOf = (name: string): string => join(ROOT, 'examples', name, 'multilane.config.js');

describe('the example hello', () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ config: configOf('hello') });
  });
  after(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  it('greets by path and query', async () => {
    expect(await json(await get(`${cluster.url}/hello/ada%20b?q=1`))).to.deep.equal({
      hello: 'ada b',
      q: '1',
    });
  });

  it('takes a valid item with its header and refuses another', async () => {
    const made = await post(`${cluster.url}/items`, { name: 'pen', price: 3 });
    expect(made.headers.get('x-price')).to.equal('3');
    expect(await json(made, 201)).to.deep.equal({ name: 'pen', price: 3 });
    const refused = await post(`${cluster.url}/items`, { name: '', price: 3 });
    const problem = await expectProblem(refused, 422, 'VALIDATION_FAILED');
    expect(problem.errors?.map(({ path }) => path)).to.deep.equal(['/name']);
  });

  it('gives raw bytes back, up to the limit of the route', async () => {
    const body = Buffer.alloc(3_000_000, 'multilane');
    const echoed = await fetch(`${cluster.url}/raw`, { method: 'POST', body });
    expect(Buffer.from(await echoed.arrayBuffer()).equals(body)).to.equal(true);
    const tooLarge = await fetch(`${cluster.url}/raw`, { method: 'POST', body: Buffer.alloc(4_000_001) });
    await expectProblem(tooLarge, 413, 'BODY_TOO_LARGE');
  });

  it('runs a task on the CPU pool', async () => {
    expect(await json(await get(`${cluster.url}/slow`))).to.deep.equal({ n: 30, fib: 832_040 });
  });

  it('says that a service which runs nowhere has no instance', async () => {
    await expectProblem(await get(`${cluster.url}/orders/1`), 503, 'NO_INSTANCE');
    await expectProblem(await get(`${cluster.url}/orders/x`), 404, 'ROUTE_NOT_FOUND');
  });
});

describe('the example chat', () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ config: configOf('chat') });
  });
  after(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  const enter = (name: string): Promise<WebSocketClient> =>
    WebSocketClient.connect(`${cluster.url}/chat/lobby?name=${name}`, { origin: cluster.url });
  const heard = async (client: WebSocketClient): Promise<unknown> => JSON.parse(String(await client.next()));

  it('is a page that opens a WebSocket', async () => {
    const answer = await get(`${cluster.url}/`);
    expect(answer.headers.get('content-type')).to.match(/^text\/html/);
    expect(await answer.text()).to.include('new WebSocket(');
  });

  it('brings what one says to the others, on whatever worker they are', async () => {
    const clients: WebSocketClient[] = [];
    for (const name of ['ada', 'bob', 'eve']) {
      clients.push(await enter(name));
      for (const present of clients) expect(await heard(present)).to.deep.equal({ joined: name });
    }
    const [ada, bob, eve] = clients as [WebSocketClient, WebSocketClient, WebSocketClient];
    ada.send('hello');
    for (const other of [bob, eve]) expect(await heard(other)).to.deep.equal({ from: 'ada', text: 'hello' });
    const announced = await fetch(`${cluster.url}/rooms/lobby/announce`, { method: 'POST', body: 'dinner' });
    expect(announced.status).to.equal(204);
    for (const all of clients) expect(await heard(all)).to.deep.equal({ announcement: 'dinner' });
    eve.send(Buffer.from([1]));
    expect(await eve.closed()).to.deep.equal({ code: 1003, reason: 'text only' });
    expect(await heard(ada)).to.deep.equal({ left: 'eve' });
    for (const client of clients) client.destroy();
  });

  it('lets nobody in who does not say who they are, nor pages of other sites', async () => {
    const wire = await Wire.open(cluster.url);
    expect((await wire.request('GET', '/chat/lobby', HANDSHAKE))?.status).to.equal(422);
    const foreign = [...HANDSHAKE, 'Origin: https://evil.example'];
    expect((await wire.request('GET', '/chat/lobby?name=eve', foreign))?.status).to.equal(403);
    wire.destroy();
  });

  it('counts on where the client was cut off', async () => {
    const leaving = new AbortController();
    const headers = { 'last-event-id': '41' };
    const answer = await fetch(`${cluster.url}/count`, { headers, signal: leaving.signal });
    expect(answer.headers.get('content-type')).to.equal('text/event-stream');
    let text = '';
    for await (const chunk of answer.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes('id: 43')) break;
    }
    leaving.abort();
    expect(text).to.include('retry: 1000\n\n').and.include('event: count\nid: 42\ndata: {"n":42}\n\n');
  });
});

interface Trip {
  readonly sagaId: string;
  readonly status: string;
  readonly bookings: Readonly<Record<string, { readonly id: number }>> | null;
  readonly refusal: { readonly step: string; readonly code: string } | null;
}
interface Places {
  readonly kind: string;
  readonly destination: string;
  readonly places: number;
}

describe('the example travel, a different saga on the same engine, on a PostgreSQL server by DATABASE_URL', () => {
  let shop: Shop;
  let pauper: Ended;
  let cluster: Cluster;
  before(async function () {
    this.timeout(60_000);
    shop = await sharedShop();
    await shop.sql.query('postgres', `create role pauper login password 'none'`);
    pauper = await runPrimary({
      args: ['--config', configOf('travel')],
      env: { DATABASE_URL: shop.sql.url('pauper', 'none') },
    });
    cluster = await startCluster({ config: configOf('travel'), env: { DATABASE_URL: shop.sql.url() } });
  });
  after(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  it('needs the right to create its database, or says which statements would', () => {
    expect(pauper.code, pauper.stderr).to.equal(1);
    expect(pauper.stderr).to.match(/create database "?travel"?/i);
    expect(pauper.leftovers).to.deep.equal([]);
  });

  it('starts no PostgreSQL of its own and makes a database of its own name there', async () => {
    expect(cluster.leftovers()).to.have.length(1);
    const found = await shop.sql.query('travel', 'select kind from inventory limit 1');
    expect(found).to.have.length(1);
  });

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

  it('gives everything back when one part is sold out', async () => {
    const before = await places('Oslo');
    const trip = await book('Oslo', unique('trip'));
    expect(trip.status).to.equal('compensated');
    expect(trip.refusal).to.include({ step: 'book-hotel', code: 'SOLD_OUT' });
    expect(await places('Oslo')).to.deep.equal(before);
  });

  it('books once for one key', async () => {
    const key = unique('trip');
    const before = await places('Lisbon');
    const [first, second] = await Promise.all([book('Lisbon', key), book('Lisbon', key)]);
    expect(second.sagaId).to.equal(first.sagaId);
    expect((await places('Lisbon')).flight).to.equal(before.flight! - 1);
  });
});
