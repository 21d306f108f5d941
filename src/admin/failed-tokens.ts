// Slows down who guesses tokens: after so many wrong ones an address is not listened to, right token or not,
// until the minute that began with its first failure is over.
import { plainAddress } from './site-check.js';

const WINDOW_MS = 60_000;
const FAILURES = 10;
/** Addresses remembered at once; the oldest is forgotten first. */
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

  /** Whole seconds until this address is listened to again, 0 when it is now. */
  waitSeconds(address: string): number {
    const key = keyOf(address);
    const failures = this.#byAddress.get(key);
    if (failures === undefined) return 0;
    const left = failures.until - this.#now();
    if (left <= 0) this.#byAddress.delete(key);
    return left > 0 && failures.count >= FAILURES ? Math.ceil(left / 1000) : 0;
  }

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

/** An IPv6 host has a whole /64 to itself (RFC 4291), so that is what counts. */
function keyOf(address: string): string {
  const plain = plainAddress(address) ?? '';
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('%')[0]!.split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...Array<string>(Math.max(0, zeros)).fill('0'), ...rest].slice(0, 4).join(':');
}
