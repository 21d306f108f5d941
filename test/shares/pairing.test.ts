// Which members lend to which, and how many loans that are.
import { expect } from 'chai';
import { WHOLE_RATE } from '#src/memory/rate/share.js';
import { LoanBook } from '#src/shares/loan-book.js';
import { type Loan, paired, type Rates } from '#src/shares/pairing.js';
import type { KeyReport, Report } from '#src/shares/report.js';
import { newSeed, seeded } from '#test/support/random.js';

const ROUNDS = 300;

/** Names with random numbers of this sum. */
function randomRates(
  prefix: string,
  count: number,
  total: number,
  random: () => number,
): Map<string, number> {
  const weights = Array.from({ length: count }, random);
  const sum = weights.reduce((one, other) => one + other);
  const rates = weights.map((weight) => Math.floor((weight / sum) * total));
  rates[0]! += total - rates.reduce((one, other) => one + other);
  return new Map(rates.map((rate, n) => [`${prefix}${n}`, rate]));
}

const loansIn = (plan: ReadonlyMap<string, Rates>): readonly Loan[] =>
  [...plan].flatMap(([lender, rates]) => [...rates].map(([borrower, rate]) => ({ lender, borrower, rate })));

const sums = (loans: readonly Loan[], side: 'lender' | 'borrower'): Record<string, number> => {
  const all: Record<string, number> = {};
  for (const loan of loans) all[loan[side]] = (all[loan[side]] ?? 0) + loan.rate;
  return all;
};

const positive = (rates: Rates): Record<string, number> =>
  Object.fromEntries([...rates].filter(([, rate]) => rate > 0));

describe('members that lend', () => {
  const seed = newSeed();

  it(`lend what each has, and give each what it lacks, in few loans, whatever was lent before (seed ${seed})`, () => {
    const random = seeded(seed);
    const count = (): number => 1 + Math.floor(random() * 20);
    let now: readonly Loan[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [surpluses, lacks] = [
        randomRates('l', count(), 20_000, random),
        randomRates('b', count(), 20_000, random),
      ];
      now = loansIn(paired(surpluses, lacks, now));
      expect(sums(now, 'lender')).to.deep.equal(positive(surpluses));
      expect(sums(now, 'borrower')).to.deep.equal(positive(lacks));
      expect(now.length).to.be.below(3 * (surpluses.size + lacks.size));
    }
  });

  it(`leave to others what is due to them when they carry out a plan one after the other (seed ${seed})`, () => {
    const random = seeded(seed);
    const rates = (prefix: string): Map<string, number> => randomRates(prefix, 12, 20_000, random);
    let now: readonly Loan[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [surpluses, lacks] = [rates('l'), rates('b')];
      let mixed = now;
      for (const lender of [...surpluses.keys()].sort(() => random() - 0.5)) {
        const plan = loansIn(paired(surpluses, lacks, mixed));
        mixed = [...mixed, ...plan].filter((loan) => (loan.lender === lender) === plan.includes(loan));
      }
      expect(sums(mixed, 'lender')).to.deep.equal(positive(surpluses));
      expect(sums(mixed, 'borrower')).to.deep.equal(positive(lacks));
      now = mixed;
    }
  });

  it('leave what is lent where it is due, when others need something else', () => {
    const surpluses = new Map(Array.from({ length: 10 }, (_, n) => [`l${n}`, 100]));
    const lacks = new Map(Array.from({ length: 10 }, (_, n) => [`b${n}`, 100]));
    const now = loansIn(paired(surpluses, lacks, []));
    const changed = loansIn(paired(surpluses, lacks.set('b0', 80).set('b1', 120), now));
    const pairOf = ({ lender, borrower }: Loan): string => `${lender} ${borrower}`;
    const rates = new Map(now.map((loan) => [pairOf(loan), loan.rate]));
    const moved = changed.filter((loan) => rates.get(pairOf(loan)) !== loan.rate);
    const pair = `${now.find(({ borrower }) => borrower === 'b0')!.lender} b1`;
    expect(moved.map((loan) => [pairOf(loan), loan.rate])).to.deep.equal([
      [pair.replace('b1', 'b0'), 80],
      [pair, 20],
    ]);
  });
});

const KEYS = ['0000000000000001', '0000000000000002', '0000000000000003'];
const SETTLED = 8;

/** Members that read what the others have reported, and report themselves. */
class Members {
  readonly ids: readonly string[];
  readonly #books: readonly LoanBook[];
  readonly #reports = new Map<string, Report>();

  constructor(count: number) {
    this.ids = Array.from({ length: count }, (_, n) => `m${String(n).padStart(3, '0')}`);
    this.#books = this.ids.map(() => new LoanBook());
  }

  /** @param demandOf in parts of N */
  turns(demandOf: (member: number, key: number) => number): void {
    for (const [member, self] of this.ids.entries()) {
      const keys = new Map<string, KeyReport>(
        KEYS.map((key, n) => {
          const demand = demandOf(member, n) * WHOLE_RATE;
          return [key, { interval: 16_000, burst: 1_000, demand, isRefused: true }];
        }),
      );
      const book = this.#books[member]!;
      book.update({
        ...{ self, members: this.ids, reports: this.#reports, keys, mustReturn: false },
        isFresh: () => true,
        isPresent: () => true,
        isWanted: () => true,
      });
      this.#reports.set(self, book.report(keys));
    }
  }

  get loans(): number {
    const tables = [...this.#reports.values()].flatMap(({ lent }) => [lent.to, lent.before]);
    const loans = tables.flatMap((table) => Object.values(table)).flatMap((one) => Object.keys(one));
    return loans.length;
  }
}

describe('reports of members', () => {
  const seed = newSeed();

  for (const count of [8, 24, 64]) {
    it(`hold at most three loans of a key for each of ${count} members (seed ${seed})`, () => {
      const random = seeded(seed);
      const members = new Members(count);
      for (let change = 0; change < 4; change++) {
        const demands = members.ids.map(() => KEYS.map(() => (random() < 0.5 ? 0 : (8 * random()) / count)));
        for (let turn = 0; turn < SETTLED; turn++) members.turns((member, key) => demands[member]![key]!);
        expect(members.loans).to.be.within(count / 2, 3 * count * KEYS.length);
      }
    }).timeout(180_000);
  }
});
