// How long a process may have run, and how long it may have been silent, where a clock that is kept in a
// word, in any unit, wraps around or changes its sign.
export const DAY_MS = 86_400_000;

const WRAPS_MS = [
  2 ** 32 / 1_000, // 2^32 us
  2 ** 44 / 16_000, // 2^44 sixteenths of a us, 12.7 days
  2 ** 31, // 24.9 days
  2 ** 45 / 16_000,
  2 ** 32, // 49.7 days
  2 ** 46 / 16_000,
];

export const AGES_MS: readonly number[] = [
  0,
  ...WRAPS_MS.flatMap((wrap) => [wrap - 20 * 3_600_000, wrap - 1, wrap + 1]).filter((age) => age > 0),
  ...[11.69, 11.8, 12.5, 24.5, 25.4, 37.5, 60].map((days) => days * DAY_MS),
];

/** Also the ages at which the seconds of a breaker window wrap around, now and in an earlier layout. */
export const SILENCES_MS: readonly number[] = [
  0,
  256_000,
  512_000,
  16_384_000,
  11 * 16_384_000,
  DAY_MS,
  2 ** 31 + 1_000,
  2 ** 32 + 1_000,
  2 ** 32 - 1_000,
];
