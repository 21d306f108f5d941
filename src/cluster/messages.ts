// The thread protocol, whole: every message between the primary and an HTTP worker.
//
//   worker                         primary started by Worker({workerData: WorkerBoot}) -- ready {descriptor,
//   offer} ->  (it listens by now, where it does so itself) into rotation, state ready <-- drain --  out of
//   rotation first; it closes its listener if it has one; answers carry Connection: close from now on --
//   leaving {reason} --------->  (crash or drained) out of rotation; the last one that serves is kept there
//   until another is ready. Sent again, it gets `detached` again: code of a service may have sent it first
//   <-- recover --  what it ran was broken off: it answers who waited and leaves <-- detached --  only now
//   may the worker close its app and exit (docs/cluster.md) -- failed {detail} ---------->  it goes on
//   serving: the primary logs it exit <-- service-ready --  at any time: a service's database is migrated --
//   serving {service} -------->  and its routes answer here -- cpu port: see task-pool.ts (a MessagePort of
//   its own, so tasks never queue behind control messages)
import type { MessagePort } from 'node:worker_threads';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import type { RingMemory } from '../memory/line-ring.js';
import type { SlotSeries } from '../memory/metrics/series-memory.js';
import type { Descriptor } from './sharding.js';

/** Bumped when a message changes its shape. */
export const PROTOCOL_VERSION = 8;

export interface WorkerBoot {
  readonly protocol: number;
  /** 1..WORKERS: what operators know it by. */
  readonly worker: number;
  /** Row in shared memory, of this thread alone while it lives; 0 is the primary's. */
  readonly slot: number;
  /** Which thread of this worker: grows by one with every replacement. */
  readonly generation: number;
  readonly memory: Block['buffer'];
  /** Memory of the slot for metric series; grows where it is. */
  readonly series: SlotSeries;
  readonly settings: Settings;
  /** What it listens on itself; undefined: it is handed its connections. */
  readonly port: number | undefined;
  /** Unique per process start: the owner of leases in databases. */
  readonly instanceId: string;
  readonly cpuPort: MessagePort;
  /** Where it leaves its log lines for the primary; undefined: it writes them itself. */
  readonly logMemory: RingMemory | undefined;
  /** Services whose `service-ready` has been sent to the others already. */
  readonly ready: readonly ReadyService[];
}

/** A service whose database is migrated. */
export interface ReadyService {
  readonly service: string;
  /** How to reach the database; plain data that this room does not look into. */
  readonly database: unknown;
}

export type LeaveReason =
  | 'drained'
  | 'uncaught-exception'
  | 'unhandled-rejection'
  | 'process-exit'
  | 'start-failed'
  | 'stalled';

export type FromWorker =
  /**
   * `descriptor` is never used after `detached`. `offer` says what the worker answers: plain data that this
   * room does not look into.
   */
  | { readonly type: 'ready'; readonly descriptor: Descriptor; readonly offer: unknown }
  /** After a `service-ready`: requests of this service are no longer refused here. */
  | { readonly type: 'serving'; readonly service: string }
  | { readonly type: 'leaving'; readonly reason: LeaveReason; readonly detail: string | undefined }
  /** UNHANDLED_REJECTION=log. */
  | { readonly type: 'failed'; readonly detail: string }
  /** UNHANDLED_REJECTION=exit. */
  | { readonly type: 'fatal'; readonly detail: string }
  /** The configuration or the code of a service is wrong: no restart would help. */
  | { readonly type: 'refused'; readonly message: string; readonly exitCode: number };

export type ToWorker =
  /** `isFault`: what it ran has made it useless, so it is no order that could have come at any time. */
  | { readonly type: 'drain'; readonly withinMs: number; readonly isFault: boolean }
  /** Its loop stood still and what it ran was broken off. */
  | { readonly type: 'recover' }
  /** Out of rotation: finish what is in hand, at the latest after `withinMs`, and end. */
  | { readonly type: 'detached'; readonly withinMs: number }
  | ({ readonly type: 'service-ready' } & ReadyService);
