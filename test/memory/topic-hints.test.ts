import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { TopicHints } from '#src/memory/topic-hints.js';
import { clearWorker } from '#src/memory/worker-row.js';

const seen = (by: TopicHints, topic: string): number[] => {
  const slots: number[] = [];
  by.elsewhere(topic, (slot) => void slots.push(slot));
  return slots;
};

describe('the hint whether a topic has subscribers on other threads', () => {
  const world = (): { block: Block; one: TopicHints; two: TopicHints } => {
    const block = Block.create({ workers: 3 });
    return { block, one: new TopicHints(block, 1), two: new TopicHints(Block.attach(block.buffer), 2) };
  };

  it('is seen by the other threads from the first subscriber to the last', () => {
    const { one, two } = world();
    expect(seen(two, 'a')).to.deep.equal([]);
    one.joined('a');
    expect(seen(two, 'a')).to.deep.equal([1]);
    expect(seen(one, 'a')).to.deep.equal([]);
    one.left('a');
    expect(seen(two, 'a')).to.deep.equal([]);
  });

  it('is never wrongly negative, however many topics share a bit', () => {
    const { one, two } = world();
    const topics = Array.from({ length: 10_000 }, (_, n) => `room/${n}`);
    for (const topic of topics) one.joined(topic);
    for (const topic of topics.slice(0, 9_000)) one.left(topic);
    for (const topic of topics.slice(9_000)) expect(seen(two, topic), topic).to.deep.equal([1]);
    for (const topic of topics.slice(9_000)) one.left(topic);
    for (const topic of topics) expect(seen(two, topic), topic).to.deep.equal([]);
  });

  it('is mostly right about topics without subscribers', () => {
    const { one, two } = world();
    for (let n = 0; n < 20; n++) one.joined(`room/${n}`);
    const wrong = Array.from({ length: 1000 }, (_, n) => seen(two, `other/${n}`)).flat();
    expect(wrong.length).to.be.lessThan(50);
  });

  it('is cleared with the thread', () => {
    const { block, one, two } = world();
    one.joined('a');
    clearWorker(block, 1);
    expect(seen(two, 'a')).to.deep.equal([]);
  });
});
