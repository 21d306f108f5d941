import { deflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { MessageInflater } from '#src/server/node/node-deflate.js';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a compressed message of a WebSocket', () => {
  for (const [isLong, when] of [
    [false, 'in the turn of the event loop in which it arrives'],
    [true, 'in another turn when this one has become long'],
  ] as const) {
    it(`is inflated ${when}`, async () => {
      const inflater = new MessageInflater(1000, { isLong: () => isLong });
      const seen: string[] = [];
      inflater.decompress(deflateRawSync('message'), true, (_error, data) => void seen.push(String(data)));
      expect(seen, 'never before the reader goes on').to.deep.equal([]);
      await Promise.resolve();
      expect(seen).to.deep.equal(isLong ? [] : ['message']);
      await nextTurn();
      expect(seen).to.deep.equal(['message']);
    });
  }
});
