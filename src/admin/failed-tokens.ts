// Slows down clients that guess tokens. After 10 wrong tokens from an address, further wrong ones are told to
// wait until the minute that began with the first one is over. A right token is always accepted: other
// clients of the address may be behind the wrong ones, and a token is too long to be guessed.
import { plainAddress } from './site-check.js';

const WINDOW_MS = 60_000;
const FAILURES = 10;
/** Addresses that are remembered; the oldest is forgotten first. */
const MAX_ADDRESSES = 10_000;

interface Failures {
  readonly until: number;
  count: number;
}

export class FailedTokens {
  readonly #now: () => number;
  readonly #byAddress = new Map<string, Failures>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Counts a wrong token.
   * @returns whole seconds that the client has to wait; 0 for one of the first ten
   */
  failed(address: string): number {
    const key = keyOf(address);
    const failures = this.#byAddress.get(key);
    const left = failures === undefined ? 0 : failures.until - this.#now();
    if (failures !== undefined && left > 0) {
      if (failures.count >= FAILURES) return Math.ceil(left / 1000);
      failures.count++;
      return 0;
    }
    this.#byAddress.delete(key);
    this.#byAddress.set(key, { until: this.#now() + WINDOW_MS, count: 1 });
    if (this.#byAddress.size > MAX_ADDRESSES) {
      for (const oldest of this.#byAddress.keys()) {
        this.#byAddress.delete(oldest);
        break;
      }
    }
    return 0;
  }
}

/** IPv6 addresses count by their /64, because one host has all addresses of it (RFC 4291). */
function keyOf(address: string): string {
  const plain = plainAddress(address) ?? '';
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('%')[0]!.split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...rest].slice(0, 4).join(':');
}
