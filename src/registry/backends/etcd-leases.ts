// Leases in etcd.
import type { EtcdClient } from './etcd-api.js';

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
