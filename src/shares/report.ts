// What a member tells the others about keys that are refused somewhere while others have some of them left:
// how much of it is asked for, and what it lends. One text for each member, which only that member writes.

import { HOT_KEYS } from '../memory/layout.js';
import { WHOLE_RATE } from '../memory/rate/share.js';

/** A part of a key: millionths of its rate N, and whole permits of its burst. */
export interface Part {
  readonly rate: number;
  readonly permits: number;
}

export const NOTHING: Part = { rate: 0, permits: 0 };

/** A key, as all members name it: its hash, in sixteen hexadecimal digits. */
export type KeyId = string;

export interface KeyReport {
  /** The distance of two admissions of the whole limit, in units of memory/rate/rate-row.ts. */
  readonly interval: number;
  readonly burst: number;
  /** What is asked for at this member, in millionths of N. */
  readonly demand: number;
  /** It was refused there a moment ago. */
  readonly isRefused: boolean;
}

/** What a member lends of each key. */
export type Loans = Readonly<Record<KeyId, Part>>;

/** What a member lends, by the names of those that have it. */
export type LoanTable = Readonly<Record<string, Loans>>;

export interface Report {
  readonly keys: Readonly<Record<KeyId, KeyReport>>;
  /** What it lends, by the names of the members that have it; a change of anything changes the number. */
  readonly lent: {
    readonly number: number;
    readonly to: LoanTable;
    /** What was lent before, as long as a member may still use it. */
    readonly before: LoanTable;
  };
  /** The numbers of what others lend, as far as this member has changed its own parts. */
  readonly seen: Readonly<Record<string, number>>;
}

/** Characters of a report that are read: more than one of all hot keys and 128 members has. */
export const MOST_CHARACTERS = 1 << 20;

/** The report in a text; undefined for a text that no member of this version has written. */
export function parseReport(text: string): Report | undefined {
  if (text.length > MOST_CHARACTERS) return undefined;
  try {
    const report: unknown = JSON.parse(text);
    return isReport(report) ? report : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isPart = (value: unknown): boolean =>
  isRecord(value) && isCount(value.rate) && isCount(value.permits) && Number(value.rate) <= WHOLE_RATE;

const isKey = (id: string): boolean => /^[0-9a-f]{16}$/.test(id);

function isKeyReport([id, value]: readonly [string, unknown]): boolean {
  if (!isKey(id) || !isRecord(value)) return false;
  const { interval, burst, demand, isRefused } = value;
  const isLimit = [interval, burst].every((one) => isCount(one) && Number(one) > 0 && Number(one) < 2 ** 31);
  return isLimit && isCount(demand) && typeof isRefused === 'boolean';
}

/** A member lends only of keys that it reports. */
const isLoans = (value: unknown, keys: object): boolean =>
  isRecord(value) && Object.entries(value).every(([id, part]) => Object.hasOwn(keys, id) && isPart(part));

function isReport(value: unknown): value is Report {
  if (!isRecord(value)) return false;
  const { keys, lent, seen } = value;
  if (!isRecord(keys) || !isRecord(lent) || !isRecord(seen)) return false;
  if (Object.keys(keys).length > HOT_KEYS || !Object.entries(keys).every(isKeyReport)) return false;
  const isTable = (table: unknown): boolean =>
    isRecord(table) && Object.values(table).every((loans) => isLoans(loans, keys));
  if (!isCount(lent.number) || !isTable(lent.to) || !isTable(lent.before)) return false;
  return Object.values(seen).every(isCount);
}
