import { BroadcastChannel } from 'node:worker_threads';
import { expect } from 'chai';
import { readTopicBatch, TopicChannels } from '#src/cluster/topic-channels.js';
import { WorkerMail } from '#src/cluster/worker-mail.js';
import { Block } from '#src/memory/block.js';
import { forgetTopics, TopicHints } from '#src/memory/topic-hints.js';
import { until } from '#test/support/until.js';

type Told = [topic: string, data: string | Uint8Array, isBinary: boolean];

describe('the topic channels of several workers', () => {
  const block = Block.create({ workers: 3 });
  let buses: TopicChannels[];
  let mails: WorkerMail[];

  const open = (slot: number, failed: (error: unknown) => void): TopicChannels => {
    mails[slot - 1] = new WorkerMail(slot, block.workers, failed);
    return new TopicChannels(new TopicHints(block, slot), mails[slot - 1]!.box('topics', readTopicBatch));
  };
  const close = (slot: number): void => {
    buses[slot - 1]!.close();
    mails[slot - 1]!.close();
  };
  let told: Told[][];

  beforeEach(() => {
    told = [[], [], []];
    mails = [];
    buses = [1, 2, 3].map((slot) => {
      const bus = open(slot, (error) => {
        throw error;
      });
      bus.receive((...message) => void told[slot - 1]!.push(message));
      return bus;
    });
  });
  afterEach(() => {
    for (const bus of buses) bus.close();
    for (const mail of mails) mail.close();
  });

  const arrived = (at: number, count: number): Promise<Told[]> =>
    until(
      () => told[at]!,
      (messages) => messages.length >= count,
    );

  it('deliver messages to all other workers, in order, over several turns of the loop', async () => {
    for (const bus of buses) bus.joined('a');
    for (let turn = 0; turn < 3; turn++) {
      for (let n = 0; n < 100; n++) buses[0]!.publish('a', `${turn} ${n}`, false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const all = Array.from({ length: 300 }, (_, n) => ['a', `${Math.floor(n / 100)} ${n % 100}`, false]);
    expect(await arrived(1, 300)).to.deep.equal(all);
    expect(await arrived(2, 300)).to.deep.equal(all);
    expect(told[0]).to.deep.equal([]);
    for (const bus of buses) bus.left('a');
  });

  it('send bytes as they were when they were published', async () => {
    buses[1]!.joined('a');
    const bytes = Buffer.from('before');
    buses[0]!.publish('a', bytes, true);
    bytes.write('after!');
    const [[, data, isBinary]] = (await arrived(1, 1)) as [Told];
    expect([Buffer.from(data).toString(), isBinary]).to.deep.equal(['before', true]);
    expect((data as Uint8Array).buffer.byteLength).to.equal(6);
    buses[1]!.left('a');
  });

  it('wake only workers with subscribers', async () => {
    buses[0]!.joined('mine');
    buses[1]!.joined('ours');
    buses[0]!.publish('mine', 'not sent', false);
    buses[0]!.publish('ours', 'sent', false);
    expect(await arrived(1, 1)).to.deep.equal([['ours', 'sent', false]]);
    expect(told[2]).to.deep.equal([]);
    buses[0]!.left('mine');
    buses[1]!.left('ours');
  });

  it('reach a new thread in a slot that another one has left', async () => {
    buses[1]!.joined('a');
    buses[0]!.publish('a', 'to the first', false);
    await arrived(1, 1);
    close(2);
    forgetTopics(block, 2);
    const second: string[] = [];
    const bus = open(2, () => {});
    bus.receive((_topic, data) => void second.push(String(data)));
    bus.joined('a');
    buses[0]!.publish('a', 'to the second', false);
    expect(
      await until(
        () => second,
        (messages) => messages.length > 0,
      ),
    ).to.deep.equal(['to the second']);
    expect(told[1]).to.have.length(1);
    bus.close();
    forgetTopics(block, 2);
  });

  it('send nothing to a thread whose topics were forgotten', async () => {
    buses[1]!.joined('a');
    buses[2]!.joined('a');
    forgetTopics(block, 2);
    buses[0]!.publish('a', 'x', false);
    expect(await arrived(2, 1)).to.deep.equal([['a', 'x', false]]);
    expect(told[1]).to.deep.equal([]);
    buses[2]!.left('a');
  });

  it('lose no message that was published right before they close', async () => {
    buses[1]!.joined('a');
    buses[0]!.publish('a', 'last words', false);
    buses[0]!.close();
    buses[0]!.publish('a', 'too late', false);
    expect(await arrived(1, 1)).to.deep.equal([['a', 'last words', false]]);
    buses[1]!.left('a');
  });

  it('drop messages that are not of their form, and report that once', async () => {
    const failures: string[] = [];
    const delivered: unknown[] = [];
    close(3);
    const bus = open(3, (error) => failures.push(String(error)));
    bus.receive((...message) => void delivered.push(message));
    const channel = new BroadcastChannel('multilane/mail/3');
    const good: Told = ['a', 'good', false];
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    for (const data of [
      ...[5, null, undefined, 'text', {}, [null], [[]], [['a', 'b']], [['a', 1, false]]],
      ...[[['a', 'b', 1]], [[1, 'b', false]], [good, null], Object.assign([], { length: 1e9 })],
      ...[[['a', shared, true]], [['a', new Uint16Array(2), true]], { length: 1, 0: good }],
    ]) {
      channel.postMessage(['topics', 1, data]);
    }
    for (const from of [0, 3, 4, 1.5, '1', null]) channel.postMessage(['topics', from, [good]]);
    for (const data of [5, null, 'topics', ['no subject', 1, [good]], [], { 0: 'topics' }])
      channel.postMessage(data);
    channel.postMessage(['topics', 1, [good]]);
    await until(
      () => delivered,
      (messages) => messages.length > 0,
    );
    expect(delivered).to.deep.equal([good]);
    expect(failures).to.have.length(1);
    expect(failures[0]).to.contain('not of the protocol');
    channel.close();
    bus.close();
  });
});
