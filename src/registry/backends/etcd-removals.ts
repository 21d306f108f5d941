// What etcd remembers of removals by clients: a key for each registration, beside those of instances, so it
// stays when the instance is registered again. Announcements of this registration are not admitted meanwhile.
import { MOST_REMEMBERED, rememberedSeconds } from '../removals.js';
import type { EtcdClient } from './etcd-api.js';
import { KEYS_AT_A_TIME, type Range, REMOVALS, type RemovedRegistration, removedOf } from './etcd-keys.js';
import { grant } from './etcd-leases.js';

/** A lease lasts longer than the first removal needs it, so that later ones share it. */
const SHARED_FOR = 1.25;
/** A removal shares no lease that lasts longer than it needs, by this factor. */
const MOST_LONGER = 2;
/** Keys that are deleted at once; etcd admits 128 operations in a transaction by default. */
const MOST_DELETED = 100;

interface RemovalLease {
  readonly lease: string;
  readonly until: number;
}

export class RemovalLeases {
  readonly #clock: () => number;
  /** Those of this process that have not ended. */
  #leases: RemovalLease[] = [];

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** A lease for keys that tell of removals for as long as a process can keep one of the instances. */
  async next(client: EtcdClient, removals: readonly { readonly ttlSeconds: number }[]): Promise<string> {
    const now = this.#clock();
    this.#leases = this.#leases.filter(({ until }) => until > now);
    const seconds = Math.max(...removals.map(({ ttlSeconds }) => rememberedSeconds(ttlSeconds)));
    const fits = ({ until }: RemovalLease): boolean =>
      until >= now + seconds * 1000 && until <= now + MOST_LONGER * seconds * 1000;
    const shared = this.#leases.find(fits);
    if (shared !== undefined) return shared.lease;
    const granted = Math.ceil(SHARED_FOR * seconds);
    const lease = await grant(client, granted);
    this.#leases.push({ lease, until: now + granted * 1000 });
    return lease;
  }

  /** etcd may have lost all leases. */
  clear(): void {
    this.#leases = [];
  }
}

/** Deletes the oldest removals, of all processes, when there are too many for those that are to come. */
export async function makeRoomFor(client: EtcdClient, coming: number): Promise<void> {
  const counted = { ...REMOVALS, count_only: true };
  const { count = '0' } = await client.post<{ readonly count?: string }>('/v3/kv/range', counted);
  const excess = Number(count) + coming - MOST_REMEMBERED;
  if (excess <= 0) return;
  const oldest = { sort_order: 'ASCEND', sort_target: 'MOD', limit: Math.min(excess, MOST_DELETED) };
  const range = { ...REMOVALS, ...oldest, keys_only: true };
  const { kvs = [] } = await client.post<Range>('/v3/kv/range', range);
  const success = kvs.map(({ key }) => ({ request_delete_range: { key } }));
  await client.post('/v3/kv/txn', { success });
}

/** What clients have removed after a revision: the last ones, when there are too many. */
export async function removedSince(client: EtcdClient, revision: bigint): Promise<RemovedRegistration[]> {
  const range = { ...REMOVALS, min_mod_revision: String(revision + 1n), keys_only: true };
  const newest = { limit: KEYS_AT_A_TIME, sort_order: 'DESCEND', sort_target: 'MOD' };
  const { kvs = [] } = await client.post<Range>('/v3/kv/range', { ...range, ...newest });
  return kvs.map(removedOf).filter((one) => one !== undefined);
}
