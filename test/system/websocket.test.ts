import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { type Cluster, startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { openRaw } from '#test/support/frames.js';
import { rollOnce } from '#test/support/rolling.js';
import { until } from '#test/support/until.js';
import { useCluster } from '#test/support/use-cluster.js';
import { WebSocketClient } from '#test/support/websocket-client.js';
import { Wire } from '#test/support/wire.js';
import { SOCKETS } from './fixtures/paths.js';

/** Longer than any test here waits: a client that is delayed until then makes its test fail. */
const DRAIN_MS = 60_000;

/** Pause between two messages: at full speed four senders and listeners would overload the test process. */
const PACE_MS = 2;

interface Member {
  readonly client: WebSocketClient;
  readonly thread: string;
}

async function join(cluster: Cluster, room: string): Promise<Member> {
  const client = await WebSocketClient.connect(`${cluster.url}/room/${room}`);
  return { client, thread: String(await client.next()) };
}

/** Joins members to a chat until every worker has `each` of them. */
async function crowd(cluster: Cluster, room: string, each: number): Promise<Map<string, Member[]>> {
  const byThread = new Map<string, Member[]>();
  while (byThread.size < 2 || [...byThread.values()].some((members) => members.length < each)) {
    const member = await join(cluster, room);
    byThread.set(member.thread, [...(byThread.get(member.thread) ?? []), member]);
  }
  return byThread;
}

const leave = (members: Iterable<Member>): void => {
  for (const { client } of members) client.destroy();
};

describe('WebSockets over two workers', () => {
  // On Node.js 20 the core on node:http has one worker.
  before(function () {
    if (CORE === 'node' && Number.parseInt(process.versions.node, 10) < 22) this.skip();
  });
  const cluster = useCluster({ config: SOCKETS, env: { DRAIN_MS: String(DRAIN_MS) } });

  it('deliver a message to the members on every worker, but not to its sender', async () => {
    const members = [...(await crowd(cluster, 'all', 2)).values()].flat();
    for (const { client: sender } of members) {
      sender.send('hello');
      for (const { client } of members) if (client !== sender) expect(await client.next()).to.equal('hello');
    }
    const bytes = Buffer.alloc(50_000, 7);
    members[0]!.client.send(bytes);
    for (const { client } of members.slice(1)) expect(await client.next()).to.deep.equal(bytes);
    const response = await fetch(`${cluster.url}/say/all`);
    expect(response.status).to.equal(200);
    for (const { client } of members) expect(await client.next()).to.match(/^\d+ 1$/);
    leave(members);
  });

  it('keep the order of each sender', async () => {
    const [here, there] = [...(await crowd(cluster, 'order', 1)).values()].map(([member]) => member!.client);
    for (let n = 0; n < 2_000; n++) here!.send(String(n));
    for (let n = 0; n < 2_000; n++) expect(await there!.next()).to.equal(String(n));
    here!.destroy();
    there!.destroy();
  });

  it('do not delay a replacement, even where the client sends no close frame', async function () {
    this.timeout(60_000);
    const silent = await Promise.all(Array.from({ length: 4 }, () => openRaw(cluster.url, '/room/silent')));
    const members = [...(await crowd(cluster, 'roll', 2)).values()].flat();
    await rollOnce(cluster);
    for (const { client } of members) expect(await client.closed()).to.deep.equal({ code: 1001, reason: '' });
    for (const wire of silent) {
      await wire.closed();
      expect(Buffer.from(wire.rest.slice(-4), 'latin1').toString('hex')).to.equal('880203e9');
    }
  });

  it('lose and repeat no message between live workers while other workers are replaced', async function () {
    this.timeout(90_000);
    let isOver = false;
    const open = new Set<WebSocketClient>();
    const received: { sender: string; numbers: number[] }[] = [];
    const listen = async (): Promise<void> => {
      while (!isOver) {
        const { client } = await join(cluster, 'steady');
        open.add(client);
        expect((await client.ended).code).to.equal(isOver ? 1000 : 1001);
        open.delete(client);
        const bySender = new Map<string, number[]>();
        for (const message of client.messages.slice(1)) {
          const [sender = '', number] = String(message).split(' ');
          bySender.set(sender, [...(bySender.get(sender) ?? []), Number(number)]);
        }
        for (const [sender, numbers] of bySender) received.push({ sender, numbers });
      }
    };
    const listening = Promise.all(Array.from({ length: 4 }, listen));
    let published = 0;
    const publish = async (): Promise<void> => {
      while (!isOver) {
        const wire = await Wire.open(cluster.url);
        for (let closes = false; !closes && !isOver; ) {
          const response = await wire.request('GET', '/say/steady');
          expect(response?.status).to.equal(200);
          closes = response!.closes;
          published++;
          await sleep(PACE_MS);
        }
        wire.destroy();
      }
    };
    const publishing = Promise.all(Array.from({ length: 4 }, publish));
    for (let time = 0; time < 3; time++) {
      await until(
        () => published,
        (count) => count >= (time + 1) * 200,
      );
      await rollOnce(cluster);
    }
    isOver = true;
    for (const client of open) client.socket.close(1000);
    await Promise.all([publishing, listening]);
    expect(new Set(received.map(({ sender }) => sender)).size).to.be.at.least(4);
    for (const { sender, numbers } of received) {
      expect(
        numbers.every((number, i) => i === 0 || number === numbers[i - 1]! + 1),
        `${sender}: ${numbers.join(' ')}`,
      ).to.equal(true);
    }
  });

  it('of a worker that fails get a close frame, those of the other stay open', async function () {
    this.timeout(30_000);
    const byThread = await crowd(cluster, 'crash', 2);
    const response = await fetch(`${cluster.url}/uncaught`);
    const { thread } = (await response.json()) as { thread: number };
    const lost = byThread.get(`thread ${thread}`)!;
    const kept = [...byThread].flatMap(([name, members]) => (name === `thread ${thread}` ? [] : members));
    for (const { client } of lost) expect((await client.closed()).code).to.equal(1001);
    const newcomer = await join(cluster, 'crash');
    newcomer.client.send('still here?');
    for (const { client } of kept) expect(await client.next()).to.equal('still here?');
    leave([newcomer, ...kept]);
  });
});

describe('server-sent events across a drain', () => {
  let cluster: Cluster;
  beforeEach(async function () {
    this.timeout(30_000);
    cluster = await startCluster({ config: SOCKETS, env: { DRAIN_MS: '2000' } });
  });
  afterEach(async function () {
    this.timeout(30_000);
    await cluster.dispose();
  });

  const eventsOf = (text: string): number => text.split('\nid: ').length - 1;

  for (const [what, begin] of [
    ['a reload', () => fetch(`${cluster.adminUrl}/workers/reload`, { method: 'POST' })],
    ['a stop', async () => cluster.signal('SIGTERM')],
  ] as const) {
    it(`continue until DRAIN_MS, then end in order: ${what}`, async function () {
      this.timeout(60_000);
      const stream = await Wire.open(cluster.url);
      const whole = stream.request('GET', '/ticks');
      await until(
        () => eventsOf(stream.rest),
        (count) => count >= 3,
      );
      const members = [...(await crowd(cluster, 'goodbye', 1)).values()].flat();
      await begin();
      for (const { client } of members) expect((await client.closed()).code).to.equal(1001);
      const atGoodbye = eventsOf(stream.rest);
      const response = await whole;
      await stream.closed();
      // The stream was not cut: its terminating chunk has come, after a whole event.
      expect(response?.status).to.equal(200);
      const text = response!.body.toString();
      expect(text.endsWith('\n\n')).to.equal(true);
      expect(eventsOf(text)).to.be.greaterThan(atGoodbye);
    });
  }
});
