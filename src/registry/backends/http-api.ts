// What is sent to the admin plane of another process, whose registry this one shares, and what it responds
// (admin/process-routes.ts).
import type { Reach } from '../removals.js';
import type { Announced, FoundInstance } from './backend.js';
import { namesOf } from './instance-key.js';
import type { Withdrawal } from './withdrawals.js';

/** Requests to the admin plane of the other process. */
export interface RegistryClient {
  /**
   * @returns the body of the response
   * @throws RegistryFailure for a response of another status than 2xx
   * @throws Error when there is no response
   */
  request(method: string, path: string, body?: object): Promise<unknown>;
  /**
   * Resolves when the stream has begun, and rejects as `request` does.
   * @param ended the stream has ended, for whatever reason
   */
  watch(path: string, heard: (event: WatchEvent) => void, ended: (error: Error) => void): Promise<void>;
  close(): void;
}

export interface WatchEvent {
  readonly type: string;
  /** The revision of the change. */
  readonly id: string;
  readonly data: unknown;
  /** Characters of the data. */
  readonly size: number;
}

/** The other process has responded that it does not do what it was asked for. */
export class RegistryFailure extends Error {
  override readonly name = 'RegistryFailure';

  constructor(
    readonly status: number,
    detail: string | undefined,
    /** Seconds after which it may be asked again, if it has told. */
    readonly retryAfterSeconds?: number | undefined,
  ) {
    super(detail?.slice(0, MOST_DETAIL) ?? `the registry responded with status ${status}`);
  }
}

export interface Row extends FoundInstance {
  /** The process that has announced it; null: the registry itself has it, or a client of it. */
  readonly owner: unknown;
}

export type Members = Readonly<Record<string, unknown>>;

const MOST_DETAIL = 200;
/** No instance has it. */
const NO_VERSION = '';
/** Bounds of a request: the admin plane reads 64 KiB and 256 instances. */
export const MOST_BYTES = 60_000;
const MOST_IN_REQUEST = 256;

export function withdrawalOf([key, removed]: Withdrawal, reach: Reach = 'known'): object {
  const [service, id] = namesOf(key);
  if (removed === undefined) return { service, id, serial: null };
  const { version, registrationIds, ttlSeconds } = removed;
  return { service, id, serial: version ?? NO_VERSION, registrationIds, ttlSeconds, reach };
}

export const requestOf = ({ service, id, isLocal, body }: Announced): object => ({
  service,
  id,
  isLocal,
  body,
});

export const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Divides items into parts, each for one request. @param sentOf what is sent of an item */
export function partsOf<T>(items: readonly T[], sentOf: (item: T) => unknown): T[][] {
  const parts: T[][] = [];
  let room = 0;
  for (const item of items) {
    const bytes = bytesOf(sentOf(item)) + 1;
    const last = parts.at(-1);
    if (last === undefined || last.length >= MOST_IN_REQUEST || bytes > room) {
      parts.push([item]);
      room = MOST_BYTES - bytes;
    } else {
      last.push(item);
      room -= bytes;
    }
  }
  return parts;
}

export const recordOf = (value: unknown): Members =>
  typeof value === 'object' && value !== null ? (value as Members) : {};

export function rowOf(value: unknown): Row {
  const { service, id, owner, isLocal, serial, body } = recordOf(value);
  const names = { service: String(service), id: String(id), version: String(serial) };
  return { ...names, owner, isLocal: isLocal === true, body };
}

/** The number of a change, which is the end of its revision. */
export const countOf = (revision: unknown): number => Number(/-(\d{1,15})$/.exec(String(revision))?.[1] ?? 0);

export const detailOf = ({ detail }: Members): string => String(detail).slice(0, MOST_DETAIL);
