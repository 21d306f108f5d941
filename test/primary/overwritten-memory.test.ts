// Code of a service can write anything anywhere into the memory that threads share: nothing that the primary
// does with that memory may throw or go on for ever.
import { expect } from 'chai';
import { TextPage } from '#src/memory/text-page.js';
import { aPrimary, overwrite } from './overwriting.js';

describe('the primary, after its shared memory was overwritten', () => {
  it('still does everything with it without an exception or an endless loop', async () => {
    await overwrite(6);
  }).timeout(60_000);

  it('publishes texts that workers can read again', async () => {
    const { sharedState } = await aPrimary();
    const page = new TextPage(sharedState.block);
    for (const word of [1, -1, 0x7fffffff]) {
      new Int32Array(sharedState.block.buffer).fill(word, 16);
      page.publish('{}');
      expect(page.version() & 1).to.equal(0);
      expect(page.read().text).to.equal('{}');
    }
  });
});

describe('the stored rule of a named breaker, after it was overwritten', () => {
  it('is replaced by the rule of endpoints', async () => {
    const { sharedState } = await aPrimary();
    const slot = sharedState.named.slotOf('orders stripe');
    for (const word of [1, 17, 0x7fffffff]) {
      sharedState.block.table('breakerTerms').words.fill(word);
      expect(sharedState.board.state(slot).state).to.equal('closed');
    }
  });
});
