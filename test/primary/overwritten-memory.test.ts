// Code of a service can write anything anywhere into the memory that threads share: nothing that the primary
// does with that memory may throw or go on for ever.
import { expect } from 'chai';
import { SnapshotPage } from '#src/memory/snapshot-page.js';
import { aPrimary, overwrite } from './overwriting.js';

describe('shared memory that was overwritten', () => {
  it('neither stops nor ends what the primary does with it', async () => {
    await overwrite(6);
  }).timeout(60_000);

  it('is read by workers again as soon as the primary publishes', async () => {
    const { sharedState } = await aPrimary();
    const page = new SnapshotPage(sharedState.block);
    for (const word of [1, -1, 0x7fffffff]) {
      new Int32Array(sharedState.block.buffer).fill(word, 16);
      page.publish('{}');
      expect(page.version() & 1).to.equal(0);
      expect(page.read().text).to.equal('{}');
    }
  });
});

describe('terms of a named breaker that were overwritten', () => {
  it('are replaced by those of endpoints', async () => {
    const { sharedState } = await aPrimary();
    const slot = sharedState.named.slotOf('orders stripe');
    for (const word of [1, 17, 0x7fffffff]) {
      sharedState.block.table('breakerTerms').words.fill(word);
      expect(sharedState.board.state(slot).state).to.equal('closed');
    }
  });
});
