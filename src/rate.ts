// Rates as they are written in settings and route options: `100/second;burst=20`.
import type { OptionKind } from './options.js';

/** A rate as code writes it. The parser also admits blanks and capital letters, for environment variables. */
export type RateText = `${number}/${'second' | 'minute'}${'' | `;burst=${number}`}`;

export interface Rate {
  /** Number of requests that are admitted per period. */
  readonly count: number;
  readonly periodMs: number;
  /** Number of requests that are admitted at once after a pause. */
  readonly burst: number;
}

const PERIODS: Readonly<Record<string, number>> = { second: 1_000, minute: 60_000 };
const SYNTAX = /^\s*(\d{1,7})\s*\/\s*(second|minute)\s*(?:;\s*burst\s*=\s*(\d{1,7})\s*)?$/i;
export const MAX_RATE_COUNT = 1_000_000;
/** The longest time in which a used burst may become available again. */
const MAX_REFILL_MS = 24 * 3_600_000;

/** @returns undefined for text that is no rate, and for a rate whose burst takes more than a day to refill */
export function parseRate(text: string): Rate | undefined {
  const [, countText, period, burstText] = SYNTAX.exec(text) ?? [];
  if (countText === undefined || period === undefined) return undefined;
  const count = Number(countText);
  const burst = burstText === undefined ? count : Number(burstText);
  const periodMs = PERIODS[period.toLowerCase()]!;
  const inRange = [count, burst].every((n) => n >= 1 && n <= MAX_RATE_COUNT);
  return inRange && (burst * periodMs) / count <= MAX_REFILL_MS ? { count, periodMs, burst } : undefined;
}

/** The kind of options that are rates. */
export const RATE: OptionKind = {
  text: '"N/second" or "N/minute", optionally with ";burst=B", whose burst is back within a day',
  is: (value) => typeof value === 'string' && parseRate(value) !== undefined,
};

/** The text of a rate, as `parseRate` reads it. */
export function rateText({ count, periodMs, burst }: Rate): string {
  const period = periodMs === PERIODS.second ? 'second' : 'minute';
  return `${count}/${period}${burst === count ? '' : `;burst=${burst}`}`;
}
