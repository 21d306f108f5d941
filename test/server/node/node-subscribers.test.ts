// The subscriptions of the WebSockets of one worker.
import { expect } from 'chai';
import { OutgoingMessage } from '#src/server/node/node-frames.js';
import { NodeSubscribers, type Subscriber } from '#src/server/node/node-subscribers.js';
import { type TopicBus, Topics } from '#src/server/websocket/topics.js';
import { settled } from '../kit.js';

class Member implements Subscriber {
  readonly topics = new Set<string>();
  readonly got: OutgoingMessage[] = [];
  flushes = 0;

  deliver(message: OutgoingMessage): boolean {
    this.got.push(message);
    return this.got.length === 1;
  }
  flush(): void {
    this.flushes++;
  }
}

class Broken extends Member {
  override deliver(): never {
    throw new Error('broken');
  }
}

describe('the subscribers of topics', () => {
  let events: string[];
  let failures: unknown[];
  let subscribers: NodeSubscribers;
  const message = new OutgoingMessage('hello', false);

  beforeEach(() => {
    events = [];
    failures = [];
    const bus: TopicBus = {
      receive: () => undefined,
      publish: () => undefined,
      joined: (topic) => events.push(`joined ${topic}`),
      left: (topic) => events.push(`left ${topic}`),
    };
    subscribers = new NodeSubscribers(new Topics(bus), (error) => failures.push(error));
  });

  it('report the first subscriber of a topic and the last', () => {
    const [ada, bob] = [new Member(), new Member()];
    subscribers.add('a', ada);
    subscribers.add('a', ada);
    subscribers.add('a', bob);
    subscribers.add('b', bob);
    subscribers.remove('a', ada);
    subscribers.remove('a', ada);
    expect(events).to.deep.equal(['joined a', 'joined b']);
    subscribers.removeAll(bob);
    expect(events).to.deep.equal(['joined a', 'joined b', 'left a', 'left b']);
    expect([ada.topics.size, bob.topics.size]).to.deep.equal([0, 0]);
  });

  it('get what is published, except the sender', () => {
    const [ada, bob, eve] = [new Member(), new Member(), new Member()];
    for (const member of [ada, bob]) subscribers.add('a', member);
    subscribers.add('b', eve);
    subscribers.publish('a', message, ada);
    subscribers.publish('nothing', message);
    expect([ada.got, bob.got, eve.got]).to.deep.equal([[], [message], []]);
  });

  it('are flushed once at the end of the turn', async () => {
    const [ada, bob] = [new Member(), new Member()];
    for (const member of [ada, bob]) subscribers.add('a', member);
    for (let n = 0; n < 3; n++) subscribers.publish('a', message);
    expect([ada.flushes, bob.flushes]).to.deep.equal([0, 0]);
    await settled();
    expect([ada.flushes, bob.flushes]).to.deep.equal([1, 1]);
  });

  it('get a message although another subscriber fails', () => {
    const [broken, ada] = [new Broken(), new Member()];
    for (const member of [broken, ada]) subscribers.add('a', member);
    subscribers.publish('a', message);
    expect(ada.got).to.deep.equal([message]);
    expect(failures.map(String)).to.deep.equal(['Error: broken']);
  });

  it('share one frame for each form of a message', () => {
    const long = new OutgoingMessage('x'.repeat(2000), false);
    expect(long.frame(false)).to.equal(long.frame(false)).and.to.have.length(2004);
    expect(long.frame(true)).to.equal(long.frame(true)).and.to.have.length.below(100);
    expect(message.frame(true)).to.equal(message.frame(false));
  });
});
