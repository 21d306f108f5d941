// What `node:http` keeps of a chunked body that nothing reads.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect } from 'chai';
import { ChunkJoiner, FLOOD, reportFlood } from '#src/server/node/node-pieces.js';
import { settled } from '../kit.js';

describe('the small pieces of a chunked body', () => {
  let message: IncomingMessage;
  let pushed: string[];
  let joiner: ChunkJoiner;

  beforeEach(() => {
    message = new IncomingMessage(new Socket());
    pushed = [];
    joiner = new ChunkJoiner(message, (piece) => {
      pushed.push(Buffer.from(piece).toString());
      return true;
    });
  });
  const add = (text: string): boolean => joiner.add(Buffer.from(text));

  it('are one piece for each turn of the event loop, behind the first one', async () => {
    for (const piece of 'abcdef') add(piece);
    expect(pushed).to.deep.equal(['a']);
    await settled();
    for (const piece of 'ghi') add(piece);
    await settled();
    expect(pushed).to.deep.equal(['a', 'bcdef', 'g', 'hi']);
  });

  it('keep their place beside large ones, and before the end', () => {
    const large = 'x'.repeat(2000);
    for (const piece of ['a', 'b', 'c', large, 'd']) add(piece);
    expect(pushed).to.deep.equal(['a', 'bc', large]);
    joiner.flush();
    joiner.flush();
    expect(pushed).to.deep.equal(['a', 'bc', large, 'd']);
  });

  it('ask for no more when the stream of the message is full', async () => {
    const full = Buffer.alloc(message.readableHighWaterMark);
    expect([add('a'), add('b')]).to.deep.equal([true, true]);
    message.push(full);
    expect(add('c')).to.equal(false);
    await settled();
    expect(pushed).to.deep.equal(['a', 'bc']);
  });

  it('are dropped, and reported once, when they are thousands of a few bytes each', async () => {
    let floods = 0;
    message.on(FLOOD, () => floods++);
    const wanted = Array.from({ length: 10_000 }, () => add('x'.repeat(15)));
    await settled();
    expect([wanted.indexOf(false), floods, pushed.length]).to.deep.equal([4096, 1, 1]);
    expect(add('more')).to.equal(false);
  });

  it('are accepted in any number when they are not tiny, and over many turns', async () => {
    message.on(FLOOD, () => expect.fail('no flood'));
    for (let n = 0; n < 10_000; n++) add('x'.repeat(16));
    for (let turn = 0; turn < 5; turn++) {
      await settled();
      for (let n = 0; n < 4096; n++) add('x');
    }
    await settled();
    expect(pushed.join('').length).to.equal(10_000 * 16 + 5 * 4096);
  });

  it('are reported later when the request is not looked after yet', () => {
    for (let n = 0; n < 5000; n++) add('x');
    let reports = 0;
    message.on(FLOOD, () => reports++);
    for (const expected of [1, 2]) {
      reportFlood(message);
      expect(reports).to.equal(expected);
    }
  });
});
