// One process that has a share of limits over several, with the clocks of a test.
import { Block } from '#src/memory/block.js';
import { ClusterRates } from '#src/memory/rate/cluster-rates.js';
import { SharePage } from '#src/memory/rate/share-page.js';

export const SALT = [1, 2] as const;
export const HOUR_MS = 3_600_000;

export function setUp(size: { readonly rateBuckets?: number } = {}) {
  const block = Block.create({ workers: 2, ...size });
  const time = { now: 5_000, wall: 1_000_000 };
  /** What happens while the clock is read, by a worker, or by the primary. */
  const during = { reading: (): void => undefined, changing: (): void => undefined };
  const clock = (): number => {
    const { now } = time;
    during.reading();
    return now;
  };
  const wallClock = (): number => time.wall;
  const page = new SharePage(block, () => {
    const { now } = time;
    during.changing();
    return now;
  });
  let overflown = 0;
  const onOverflow = (): void => void overflown++;
  const rates = new ClusterRates({ block, clock, wallClock, slot: 1, onOverflow });
  const renew = (): void => page.renew({ monotonic: time.now + HOUR_MS, wall: time.wall + HOUR_MS });
  const members = (count: number): void => {
    const ids = Array.from({ length: count }, (_, n) => `m${n}`);
    page.hold({ members: ids, self: 'm0', salt: SALT });
    renew();
  };
  const pass = (ms: number): void => {
    time.now += ms;
    time.wall += ms;
  };
  /** The number of admissions of a key at once. */
  const admitted = (limit: { take(key: string): number }, key = 'a'): number => {
    for (let n = 0; ; n++) if (limit.take(key) <= 0) return n;
  };
  const overflows = (): number => overflown;
  return { block, time, during, page, rates, renew, members, pass, admitted, overflows };
}
