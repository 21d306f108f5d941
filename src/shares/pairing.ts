// Which members lend how much of a key to which others. Every member that has something to lend could lend a
// part of it to every member that lacks something, but all members read all loans a few times a second. So
// they are paired, and the number of loans grows with the number of members, not with its square.
//
// All members compute the same pairs from the same reports, and each lends its own part of them. What is lent
// already stays as far as it is due: to move it costs a second in which neither member has it. So what some
// members have carried out of a plan stays when others make it anew.

/** Parts of N in millionths, by the names of members. */
export type Rates = ReadonlyMap<string, number>;

export interface Loan {
  readonly lender: string;
  readonly borrower: string;
  /** In millionths of N. */
  readonly rate: number;
}

/** Loans for each of the lenders and borrowers. Each new one satisfies one of them: at most one is new. */
export const MOST_LOANS = 3;

/**
 * What members should lend.
 * @param surpluses what members have to lend
 * @param lacks what others should have of it: the same sum, or less
 * @param now what is lent now
 * @returns by the names of the lenders, what each borrower has of them: less than MOST_LOANS for each of the
 *   lenders and borrowers
 */
export function paired(surpluses: Rates, lacks: Rates, now: readonly Loan[]): ReadonlyMap<string, Rates> {
  const pairs = new Pairs(surpluses, lacks);
  const due = now.filter(({ lender, borrower }) => surpluses.has(lender) && lacks.has(borrower));
  const kept = due.toSorted(byNames).slice(0, (MOST_LOANS - 1) * (surpluses.size + lacks.size));
  for (const { lender, borrower, rate } of kept) pairs.lend(lender, borrower, rate);
  for (const { lender, borrower } of kept) pairs.lend(lender, borrower);
  pairs.lendRest();
  return pairs.loans;
}

/** It does not depend on the rates, because these change while a plan is carried out. */
const byNames = (a: Loan, b: Loan): number => {
  const isBefore = a.lender === b.lender ? a.borrower < b.borrower : a.lender < b.lender;
  return isBefore ? -1 : 1;
};

class Pairs {
  readonly loans = new Map<string, Map<string, number>>();
  /** What is not lent yet, and what is still lacking. */
  readonly #surpluses: Map<string, number>;
  readonly #lacks: Map<string, number>;

  constructor(surpluses: Rates, lacks: Rates) {
    this.#surpluses = new Map(surpluses);
    this.#lacks = new Map(lacks);
  }

  lend(lender: string, borrower: string, most = Number.POSITIVE_INFINITY): void {
    const [surplus, lack] = [this.#surpluses.get(lender)!, this.#lacks.get(borrower)!];
    const rate = Math.min(surplus, lack, most);
    if (rate <= 0) return;
    this.#surpluses.set(lender, surplus - rate);
    this.#lacks.set(borrower, lack - rate);
    const loans = this.loans.get(lender) ?? new Map<string, number>();
    this.loans.set(lender, loans.set(borrower, (loans.get(borrower) ?? 0) + rate));
  }

  /** The largest surplus goes to the largest lack. Each loan uses up one of both. */
  lendRest(): void {
    const borrowers = largest(this.#lacks);
    for (const lender of largest(this.#surpluses)) {
      while (this.#surpluses.get(lender)! > 0 && borrowers.length > 0) {
        this.lend(lender, borrowers[0]!);
        if (this.#lacks.get(borrowers[0]!) === 0) borrowers.shift();
      }
    }
  }
}

/** The names of those that have something, the largest ones first. */
function largest(rates: Rates): string[] {
  const some = [...rates].filter(([, rate]) => rate > 0);
  return some.sort(([a, most], [b, least]) => least - most || (a < b ? -1 : 1)).map(([id]) => id);
}
