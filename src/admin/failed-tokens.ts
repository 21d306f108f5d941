// Slows down clients that guess tokens. After 10 wrong tokens from an address, all tokens from it are
// refused, even the right one, until the minute that began with the first wrong one is over.
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

  /** Whole seconds until tokens from this address are checked again; 0 when they are checked now. */
  waitSeconds(address: string): number {
    const key = keyOf(address);
    const failures = this.#byAddress.get(key);
    if (failures === undefined) return 0;
    const left = failures.until - this.#now();
    if (left <= 0) this.#byAddress.delete(key);
    return left > 0 && failures.count >= FAILURES ? Math.ceil(left / 1000) : 0;
  }

  /** Counts a wrong token. */
  failed(address: string): void {
    const key = keyOf(address);
    const failures = this.#byAddress.get(key);
    if (failures !== undefined && failures.until > this.#now()) {
      failures.count++;
      return;
    }
    this.#byAddress.delete(key);
    this.#byAddress.set(key, { until: this.#now() + WINDOW_MS, count: 1 });
    if (this.#byAddress.size > MAX_ADDRESSES) {
      for (const oldest of this.#byAddress.keys()) {
        this.#byAddress.delete(oldest);
        break;
      }
    }
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
