import { expect } from 'chai';
import { Block } from '#src/memory/block.js';
import { CallClaims, MINE, reclaimCalls, TAKEN_BY_OTHER_KEY } from '#src/memory/call-claims.js';
import { CALL_CLAIMS } from '#src/memory/layout.js';

function setUp() {
  const block = Block.create({ workers: 3 });
  return { block, one: new CallClaims(block, 1), two: new CallClaims(block, 2) };
}

describe('call claims', () => {
  it('belong to the first worker, and name it to all others', () => {
    const { one, two } = setUp();
    expect([one.claim('a'), two.claim('a'), one.claim('a')]).to.deep.equal([MINE, 1, MINE]);
    expect([two.isHeld('a', 1), two.isHeld('a', 2), two.isHeld('b', 1)]).to.deep.equal([true, false, false]);
    two.release('a');
    expect(one.isHeld('a', 1), 'released by another worker').to.equal(true);
    one.release('a');
    expect([two.claim('a'), one.claim('a')]).to.deep.equal([MINE, 2]);
  });

  it('are distinguished by their keys, and are refused when no slot is left', () => {
    const { one, two } = setUp();
    const answers = new Set<number>();
    for (let n = 0; n < CALL_CLAIMS; n++) answers.add(one.claim(`key ${n}`));
    expect([...answers]).to.have.members([MINE, TAKEN_BY_OTHER_KEY]);
    // For other keys no worker is named.
    for (let n = 0; n < 1_000; n++) expect(two.claim(`other ${n}`)).to.not.equal(1);
  });

  it('of a lost worker are free again, those of others are not', () => {
    const { block, one, two } = setUp();
    one.claim('a');
    two.claim('b');
    reclaimCalls(block, 1);
    expect([two.claim('a'), one.claim('b')]).to.deep.equal([MINE, 2]);
  });
});
