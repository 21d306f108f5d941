// The keys of the registry in etcd: how an instance is written, and how all are read. Any client of etcd may
// write there, so names and values are read in parts of limited size.
import { base64, rangeBelow, textOf } from '../../etcd-text.js';
import type { Announced, FoundInstance } from './backend.js';
import { MOST_KNOWN } from './backend-loop.js';
import type { EtcdClient, KeyValue } from './etcd-api.js';
import { keyOf, namesOf } from './instance-key.js';

/** The name of an instance, and the revision of its last change. */
export interface KeyRevision {
  readonly key: string;
  readonly at: bigint;
  readonly lease: string;
  /**
   * What tells one announcement from another. Revisions begin again when etcd has lost everything, and go
   * back when it is restored from a backup; other leases are granted then.
   */
  readonly version: string;
}

/** What a key holds. */
interface Stored {
  readonly owner: string;
  readonly body: unknown;
  readonly isLocal: boolean;
}

/** A registration that a client has removed. */
export interface RemovedRegistration {
  readonly key: string;
  readonly registrationId: string;
}

export interface Range {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly KeyValue[];
}

interface Values {
  readonly responses?: readonly { readonly response_range?: { readonly kvs?: readonly KeyValue[] } }[];
}

/** That of a static instance. */
export const NO_LEASE = '0';
const PREFIX = '/multilane/registry/v1/';
const REMOVED_PREFIX = '/multilane/registry/removed/v1/';
/** Keys without values in a response. */
export const KEYS_AT_A_TIME = 2_000;
/** Values in a response, of which each may have 1.5 MiB by default. */
const VALUES_AT_A_TIME = 20;
/** Requests for values at the same time. */
const READS_AT_A_TIME = 4;
/** A value is far smaller, in Base64; a larger one was written by a stranger, and is not read. */
const MOST_VALUE = 65_536;
/** Characters of the operations of a transaction. etcd admits 1.5 MiB in a request by default. */
const MOST_CHARACTERS = 500_000;

export const pathOf = (key: string): string => base64(PREFIX + namesOf(key).join('/'));
/** The key that is there while the removal of a registration is remembered. */
export const removedPathOf = (key: string, registrationId: string): string =>
  base64(`${REMOVED_PREFIX}${namesOf(key).join('/')}/${registrationId}`);
/** Instances and removals. */
export const ALL = rangeBelow('/multilane/registry/');
const INSTANCES = rangeBelow(PREFIX);
export const REMOVALS = rangeBelow(REMOVED_PREFIX);

/** The key and the value of an instance. */
export const storedAs = ({ service, id, body, isLocal }: Announced, owner: string) => ({
  key: pathOf(keyOf(service, id)),
  value: base64(JSON.stringify({ owner, body, isLocal } satisfies Partial<Stored>)),
});

export function revisionOf({ key, mod_revision = '0', lease = NO_LEASE }: KeyValue): KeyRevision {
  const [service = '', ...rest] = textOf(key).slice(PREFIX.length).split('/');
  const version = `${mod_revision}.${lease}`;
  return { key: keyOf(service, rest.join('/')), at: BigInt(mod_revision), lease, version };
}

/** @returns undefined for the key of an instance */
export function removedOf({ key }: Pick<KeyValue, 'key'>): RemovedRegistration | undefined {
  const text = textOf(key);
  if (!text.startsWith(REMOVED_PREFIX)) return undefined;
  const [service = '', ...rest] = text.slice(REMOVED_PREFIX.length).split('/');
  const registrationId = rest.pop() ?? '';
  return { key: keyOf(service, rest.join('/')), registrationId };
}

/** Anything may be in a key: what is no instance of ours is one that the registry refuses. */
export function storedOf(key: string, value: string | undefined, version: string) {
  let stored: Partial<Stored> | null = null;
  try {
    if (value !== undefined && value.length <= MOST_VALUE)
      stored = JSON.parse(textOf(value)) as Partial<Stored> | null;
  } catch {
    // It is refused without a body.
  }
  const [service, id] = namesOf(key);
  const isLocal = stored?.isLocal === true;
  const found: FoundInstance = { service, id, body: stored?.body, isLocal, version };
  return { owner: stored?.owner, found };
}

/** The names of all instances at one revision; the first ones, when strangers have written too many. */
export async function keysBelow(client: EtcdClient): Promise<{
  readonly revision: string;
  readonly keys: readonly KeyRevision[];
  readonly isComplete: boolean;
}> {
  const keys: KeyRevision[] = [];
  let from = INSTANCES.key;
  let at: string | undefined;
  for (;;) {
    const page = { ...INSTANCES, key: from, limit: KEYS_AT_A_TIME, keys_only: true, revision: at };
    const { header, kvs = [] } = await client.post<Range>('/v3/kv/range', page);
    at ??= header.revision;
    keys.push(...kvs.map(revisionOf));
    const isComplete = kvs.length < KEYS_AT_A_TIME;
    if (isComplete || keys.length >= MOST_KNOWN) return { revision: at, keys, isComplete };
    from = base64(`${textOf(kvs.at(-1)!.key)}\0`);
  }
}

/** What keys hold, by key. @param revision @default the last one */
export async function valuesOf(
  client: EtcdClient,
  keys: readonly string[],
  revision?: string,
): Promise<ReadonlyMap<string, KeyValue | undefined>> {
  const values = new Map<string, KeyValue | undefined>();
  let next = 0;
  const read = async (): Promise<void> => {
    while (next < keys.length) {
      const part = keys.slice(next, next + VALUES_AT_A_TIME);
      next += VALUES_AT_A_TIME;
      const success = part.map((key) => ({ request_range: { key: pathOf(key), revision } }));
      const { responses = [] } = await client.post<Values>('/v3/kv/txn', { success });
      for (const [n, { response_range }] of responses.entries())
        values.set(part[n]!, response_range?.kvs?.[0]);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_A_TIME }, read));
  return values;
}

/** Divides instances among transactions. */
export function partsOf(instances: readonly Announced[], owner: string, most: number): Announced[][] {
  const parts: Announced[][] = [];
  let left = 0;
  for (const one of instances) {
    const { key, value } = storedAs(one, owner);
    const size = key.length + value.length;
    if (left < size || parts.at(-1)?.length === most) {
      parts.push([]);
      left = MOST_CHARACTERS;
    }
    parts.at(-1)!.push(one);
    left -= size;
  }
  return parts;
}
