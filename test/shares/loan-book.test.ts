// What a member lends and borrows, step by step.
import { expect } from 'chai';
import { WHOLE_RATE } from '#src/memory/rate/share.js';
import { type Known, LoanBook } from '#src/shares/loan-book.js';
import type { KeyReport, Report } from '#src/shares/report.js';

const KEY = '0123456789abcdef';
const THIRD = Math.floor(WHOLE_RATE / 3);
const BASE = { rate: THIRD, permits: 10 };
const MEMBERS = ['a', 'b', 'c'];

class Members {
  readonly books = new Map(MEMBERS.map((id) => [id, new LoanBook()]));
  readonly demands = new Map(MEMBERS.map((id) => [id, 0]));
  readonly reports = new Map<string, Report>();
  members: readonly string[] = MEMBERS;
  mustReturn = false;
  isFresh = true;
  isPresent = true;

  /** A member reads what the others have reported, and reports itself. */
  turn(id: string): void {
    const keys = new Map<string, KeyReport>([
      [KEY, { interval: 160_000, burst: 30, demand: this.demands.get(id)! * WHOLE_RATE, isRefused: true }],
    ]);
    const known: Known = {
      ...{ self: id, members: this.members, reports: this.reports, keys },
      isFresh: () => this.isFresh,
      isPresent: () => this.isPresent,
      isWanted: () => true,
      mustReturn: this.mustReturn,
    };
    const book = this.books.get(id)!;
    book.update(known);
    this.reports.set(id, book.report(keys));
  }

  turns(...ids: readonly string[]): void {
    for (const id of ids) this.turn(id);
  }

  rate(id: string): number {
    return Math.round((this.books.get(id)!.partOf(KEY, BASE).rate / WHOLE_RATE) * 100);
  }

  get rates(): readonly number[] {
    return MEMBERS.map((id) => this.rate(id));
  }
}

/** Three members, of which the first is asked for three times N. */
function skewed(): Members {
  const members = new Members();
  members.demands.set('a', 3);
  members.turns(...MEMBERS, ...MEMBERS);
  return members;
}

describe('a book of loans', () => {
  it('lowers the part of the lender before the borrower has more', () => {
    const members = new Members();
    members.demands.set('a', 3);
    members.turns('a', 'b');
    expect(members.rates).to.deep.equal([33, 1, 33]);
    members.turns('a');
    expect(members.rates).to.deep.equal([66, 1, 33]);
    members.turns('c');
    expect(members.rates).to.deep.equal([66, 1, 1]);
    members.turns('a');
    expect(members.rates).to.deep.equal([98, 1, 1]);
  });

  it('raises the part of the lender only when the borrower has lowered its own', () => {
    const members = skewed();
    members.turns('a', 'b', 'c');
    members.mustReturn = true;
    members.turns('b', 'c');
    expect(members.rates).to.deep.equal([98, 1, 1]);
    members.turns('a');
    expect(members.rates).to.deep.equal([33, 1, 1]);
    expect(members.books.get('b')!.isComplete).to.equal(false);
    members.turns('b', 'c');
    expect(members.rates).to.deep.equal([33, 33, 33]);
    expect(members.books.get('b')!.isComplete).to.equal(true);
  });

  it('lends to another member only what the one before has returned', () => {
    const members = skewed();
    members.turns('a', 'b', 'c');
    members.demands.set('a', 0);
    members.demands.set('b', 3);
    for (let n = 0; n < 6; n++) {
      members.turns('c', 'b', 'a');
      // Each of them is rounded.
      expect(members.rates.reduce((sum, rate) => sum + rate)).to.be.at.most(100);
    }
    expect(members.rates).to.deep.equal([1, 98, 1]);
  });

  it('leaves what is lent as it is while a borrower has not been heard of for a moment', () => {
    const members = skewed();
    members.turns('a', 'b', 'c');
    members.isPresent = false;
    members.demands.set('b', 2);
    members.turns('b', 'c', 'a', 'b');
    expect(members.rates).to.deep.equal([98, 1, 1]);
    members.isPresent = true;
    for (let n = 0; n < 4; n++) members.turns('b', 'c', 'a');
    expect(members.rate('b')).to.be.above(30);
  });

  it('is the same one when it is made of a report, also while a change is not known to all', () => {
    const members = skewed();
    for (const turns of [[], ['c', 'b']]) {
      members.demands.set('c', 3);
      members.turns(...turns);
      const { rates } = members;
      for (const id of ['b', 'c']) members.books.set(id, LoanBook.of(members.reports.get(id)!));
      expect(members.rates).to.deep.equal(rates);
    }
    expect(members.reports.get('b')!.lent.before).not.to.deep.equal({});
    members.turns(...MEMBERS, ...MEMBERS, ...MEMBERS);
    // Each of them is rounded.
    expect(members.rates.reduce((sum, rate) => sum + rate)).to.be.within(97, 101);
  });

  it('has back what was lent to one that is no member any more', () => {
    const members = skewed();
    members.turns('a');
    members.members = ['b', 'c'];
    members.turns('b');
    expect(members.rate('b')).to.equal(33);
  });

  it('uses no loan of a lender that may have been removed', () => {
    const members = skewed();
    members.turns('a');
    expect([members.rate('a'), members.books.get('a')!.lenders]).to.deep.equal([98, ['b', 'c']]);
    members.isFresh = false;
    members.turns('a');
    expect([members.rate('a'), members.books.get('a')!.lenders]).to.deep.equal([33, []]);
  });
});
