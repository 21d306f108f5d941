// Leases in etcd, and those of the keys that tell of removals by clients.
import { rememberedSeconds } from '../removals.js';
import type { EtcdClient } from './etcd-api.js';

/** Keys that tell of removals by this process. The oldest ones end early when there are more. */
const MOST_REMOVED = 1_000;

interface RemovalLease {
  readonly lease: string;
  readonly keys: number;
  readonly until: number;
}

export async function grant(client: EtcdClient, TTL: number): Promise<string> {
  return (await client.post<{ ID: string }>('/v3/lease/grant', { TTL })).ID;
}

/** Ends a lease with its keys. Never rejects. */
export async function revoke(client: EtcdClient, lease: string): Promise<void> {
  try {
    await client.post('/v3/lease/revoke', { ID: lease });
  } catch {
    // It ends by itself.
  }
}

export class RemovalLeases {
  readonly #clock: () => number;
  /** Those of this process, the oldest first. */
  #leases: RemovalLease[] = [];

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** A lease for keys that tell the owners of instances that these were removed and have not expired. */
  async next(client: EtcdClient, removals: readonly { readonly ttlSeconds: number }[]): Promise<string> {
    const now = this.#clock();
    this.#leases = this.#leases.filter(({ until }) => until > now);
    let keys = this.#leases.reduce((sum, one) => sum + one.keys, removals.length);
    while (keys > MOST_REMOVED && this.#leases.length > 0) {
      const oldest = this.#leases.shift()!;
      await revoke(client, oldest.lease);
      keys -= oldest.keys;
    }
    const seconds = Math.max(...removals.map(({ ttlSeconds }) => rememberedSeconds(ttlSeconds)));
    const lease = await grant(client, seconds);
    this.#leases.push({ lease, keys: removals.length, until: now + seconds * 1000 });
    return lease;
  }
}
