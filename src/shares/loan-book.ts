// What this member lends to others, and has from them. docs/cluster-limits.md has the proof; it relies on
// these rules:
//
// - A member lowers its own part before it reports a loan, and raises it again only when the member that had
//   the loan has reported that it uses it no more, or is no member any more.
// - A member uses a loan from when it has read the report until it has read one without it, and only as long
//   as the lender certainly is a member.
// - A member says that it knows of a newcomer only when all that it has lent has come back, because its own
//   part is smaller from then on.
import { memberHash, mostTimesSmaller } from '../memory/rate/share.js';
import { type Asker, baseOf, loansOf, needsMore, type Parts } from './division.js';
import {
  type KeyId,
  type KeyReport,
  type Loans,
  type LoanTable,
  NOTHING,
  type Part,
  type Report,
} from './report.js';

/** What is known when the book is brought up to date. */
export interface Known {
  readonly self: string;
  /** The view: the names of the members. */
  readonly members: readonly string[];
  /** Those that are certainly still members now, so that what they lend may be used. */
  readonly isFresh: (id: string) => boolean;
  /** Those that have shown it a moment ago. To others nothing is lent, and what they have stays as it is. */
  readonly isPresent: (id: string) => boolean;
  readonly reports: ReadonlyMap<string, Report>;
  /** Keys whose demand this member counts. */
  readonly keys: ReadonlyMap<KeyId, KeyReport>;
  /** Keys that some member has refused lately. */
  readonly isWanted: (key: KeyId) => boolean;
  /** A newcomer waits for this member. */
  readonly mustReturn: boolean;
}

/** A table in which nothing is lent. */
const EMPTY: LoanTable = {};

export class LoanBook {
  #number = 0;
  #lent: LoanTable = EMPTY;
  /** What was lent before, as long as it may still be used. */
  #before: LoanTable = EMPTY;
  #taken = new Map<string, { readonly number: number; readonly loans: Loans }>();

  /** The book of a member with what it has reported last. What it had from others is not used. */
  static of({ lent }: Report): LoanBook {
    const book = new LoanBook();
    book.#number = lent.number;
    book.#lent = lent.to;
    book.#before = lent.before;
    return book;
  }

  /** Whether nothing of this member is with others. */
  get isComplete(): boolean {
    return isEmpty(this.#lent) && isEmpty(this.#before);
  }

  /** The names of those whose loans are in use. */
  get lenders(): readonly string[] {
    return [...this.#taken].filter(([, { loans }]) => Object.keys(loans).length > 0).map(([id]) => id);
  }

  /** Takes in what the others have reported, and decides what to lend. */
  update(known: Known): void {
    this.#take(known);
    const listed = new Set(known.members);
    this.#lent = only(this.#lent, listed);
    this.#before = only(this.#before, listed);
    const { self, reports } = known;
    const holders = [...Object.keys(this.#lent), ...Object.keys(this.#before)];
    if (holders.some((id) => reports.get(id)?.seen[self] !== this.#number)) return;
    this.#before = EMPTY;
    const wanted = known.mustReturn ? EMPTY : this.#affordable(this.#wanted(known), known);
    if (JSON.stringify(wanted) === JSON.stringify(this.#lent)) return;
    this.#before = this.#lent;
    this.#lent = wanted;
    this.#number += 1;
  }

  /** What this member may use of a key. @param base what it has when nothing is lent */
  partOf(key: KeyId, base: Part): Part {
    let { rate, permits } = base;
    for (const id of new Set([...Object.keys(this.#lent), ...Object.keys(this.#before)])) {
      const [now, before] = [this.#lent[id]?.[key] ?? NOTHING, this.#before[id]?.[key] ?? NOTHING];
      rate -= Math.max(now.rate, before.rate);
      permits -= Math.max(now.permits, before.permits);
    }
    for (const { loans } of this.#taken.values()) {
      rate += loans[key]?.rate ?? 0;
      permits += loans[key]?.permits ?? 0;
    }
    return rate <= 0 || permits <= 0 ? NOTHING : { rate, permits };
  }

  /** Whether a key is lent to others or from them. */
  has(key: KeyId): boolean {
    const tables = [...Object.values(this.#lent), ...Object.values(this.#before)];
    return [...tables, ...[...this.#taken.values()].map(({ loans }) => loans)].some((loans) =>
      Object.hasOwn(loans, key),
    );
  }

  /** What the others are to know, once this member uses what `partOf` returns. */
  report(keys: ReadonlyMap<KeyId, KeyReport>): Report {
    const seen = [...this.#taken].map(([id, { number }]) => [id, number] as const);
    return {
      keys: Object.fromEntries(keys),
      lent: { number: this.#number, to: this.#lent, before: this.#before },
      seen: Object.fromEntries(seen),
    };
  }

  #take({ self, members, isFresh, reports, keys }: Known): void {
    this.#taken = new Map();
    for (const id of members) {
      const lent = reports.get(id)?.lent;
      if (id === self || lent === undefined) continue;
      // Nothing is used of one that may have been removed: what it has lent before is not in use either.
      const loans = Object.entries((isFresh(id) && lent.to[self]) || {}).filter(([key]) => keys.has(key));
      this.#taken.set(id, { number: lent.number, loans: Object.fromEntries(loans) });
    }
  }

  /**
   * What may be lent now: what one member is to have instead of another one has to come back first. While a
   * change is not known to all, each member may have the larger one of two parts.
   */
  #affordable(wanted: LoanTable, { self, members, keys }: Known): LoanTable {
    const sorted = members.toSorted();
    const hashes = Int32Array.from(sorted, memberHash);
    const table: Record<string, Record<KeyId, Part>> = {};
    for (const [key, { burst }] of keys) {
      const [now, next] = [partsOf(this.#lent, key), partsOf(wanted, key)];
      const base = baseOf(key, burst, hashes, sorted.indexOf(self));
      const isPossible = fits(base, combined(now, next, Math.max));
      for (const [id, part] of Object.entries(isPossible ? next : combined(now, next, Math.min))) {
        table[id] ??= {};
        table[id][key] = part;
      }
    }
    return table;
  }

  #wanted(known: Known): LoanTable {
    const { self, reports, keys, isWanted, isPresent } = known;
    const members = known.members.toSorted();
    const hashes = Int32Array.from(members, memberHash);
    const tables = members.map(
      (id) => [id, id === self ? this.#lent : (reports.get(id)?.lent.to ?? EMPTY)] as const,
    );
    const loansOfKeys = byKey(tables);
    const table: Record<string, Record<KeyId, Part>> = {};
    for (const [key, { burst, interval }] of keys) {
      const askers: Asker[] = [];
      for (const [index, id] of members.entries()) {
        const reported = id === self ? keys.get(key) : reports.get(id)?.keys[key];
        if (reported?.burst !== burst || (id !== self && !isPresent(id))) continue;
        const base = baseOf(key, burst, hashes, index);
        const lent = loansOfKeys.get(key)?.lent.get(id) ?? NO_PARTS;
        const rate = base.rate - rateOf(lent) + (loansOfKeys.get(key)?.borrowed.get(id) ?? 0);
        askers.push({ id, base, rate, demand: reported.demand, lent });
      }
      // What is lent does not come back because it is enough: the borrower would be refused without it.
      if (!isWanted(key) && !askers.some(needsMore)) continue;
      const lent = partsOf(this.#lent, key);
      // After an outage of the registry the others are heard of again after a while.
      const isKept = Object.keys(lent).some((id) => !isPresent(id));
      const loans = isKept ? lent : loansOf(self, askers, lent, mostTimesSmaller(burst, interval));
      for (const [id, part] of Object.entries(loans)) {
        table[id] ??= {};
        table[id][key] = part;
      }
    }
    return table;
  }
}

/** For each member the larger, or the smaller, of two parts. */
function combined(a: Parts, b: Parts, choose: (a: number, b: number) => number): Parts {
  const parts: Record<string, Part> = {};
  for (const id of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [one, other] = [a[id] ?? NOTHING, b[id] ?? NOTHING];
    const rate = choose(one.rate, other.rate);
    if (rate > 0) parts[id] = { rate, permits: choose(one.permits, other.permits) };
  }
  return parts;
}

function fits(base: Part, parts: Parts): boolean {
  const permits = Object.values(parts).reduce((sum, part) => sum + part.permits, 0);
  return rateOf(parts) <= base.rate && permits <= base.permits;
}

/** The parts of one key in a table. */
function partsOf(table: LoanTable, key: KeyId): Parts {
  const holders = Object.entries(table).filter(([, loans]) => Object.hasOwn(loans, key));
  return Object.fromEntries(holders.map(([id, loans]) => [id, loans[key]!]));
}

const rateOf = (parts: Parts): number => Object.values(parts).reduce((sum, { rate }) => sum + rate, 0);

/** The loans of one key. */
interface KeyLoans {
  /** What each member lends. */
  readonly lent: Map<string, Record<string, Part>>;
  /** The rate that each member has from others. */
  readonly borrowed: Map<string, number>;
}

const NO_PARTS: Parts = {};

/** The loans of all members, by key: they are gone through once, because there may be very many. */
function byKey(tables: readonly (readonly [id: string, table: LoanTable])[]): ReadonlyMap<KeyId, KeyLoans> {
  const keys = new Map<KeyId, KeyLoans>();
  for (const [lender, table] of tables) {
    for (const [borrower, loans] of Object.entries(table)) {
      for (const [key, part] of Object.entries(loans)) {
        const { lent, borrowed } = keys.get(key) ?? { lent: new Map(), borrowed: new Map() };
        keys.set(key, { lent, borrowed });
        lent.set(lender, Object.assign(lent.get(lender) ?? {}, { [borrower]: part }));
        borrowed.set(borrower, (borrowed.get(borrower) ?? 0) + part.rate);
      }
    }
  }
  return keys;
}

const isEmpty = (table: LoanTable): boolean => Object.keys(table).length === 0;

const only = (table: LoanTable, ids: ReadonlySet<string>): LoanTable =>
  Object.fromEntries(Object.entries(table).filter(([id]) => ids.has(id)));
