// The whole protocol between the primary and a worker thread. from-worker.ts checks what arrives.
//
//   worker thread                              primary
//                                              new Worker({ workerData: WorkerBoot })
//   listens first, if it listens itself
//   ready {descriptor, routes} --------->      puts it into rotation: state ready
//
// A worker with a port of its own (gRPC, or SinglePort) has it by one thread at a time:
//   port-wanted ------------------------>      all is loaded
//                            <---------        unbind, to the thread that has the port: it keeps its
//                                              connections
//   unbound ---------------------------->      the port is free. A thread that does not post this in time is
//                                              ended
//                            <---------        listen {port}, to the thread that wants it
//   listening {port}, then ready ------->      drains the thread that had the port. If the new thread ends
//                                              before that, the old one is ordered to listen again
//
//                            <---------        drain: the thread is out of rotation already
//   closes its listener, if it has one; from
//   now on responses say Connection: close
//   leaving {reason} ------------------->      takes it out of rotation, unless it is the last thread that
//   (drained, or failed)                       serves: that one is kept until another is ready
//                            <---------        detached: only now may the thread close its app and exit
//                                              (docs/cluster.md). A second `leaving` gets a second
//                                              `detached`: code of a service may have posted the
//                                              first one
//
//                            <---------        recover: what the thread ran was interrupted
//   ends the interrupted requests, leaves
//                            <---------        service-ready, at any time: a database is migrated
//   serving {service} ------------------>      the routes of that service are served from now on
//   failed {detail} -------------------->      logs it; the thread keeps serving
//   fatal {detail} --------------------->      ends the process
//   refused {message} ------------------>      ends the process if no worker has served yet; otherwise it
//                                              discards this thread
//
// CPU tasks use a MessagePort of their own (cpu/cpu-messages.ts), so they never queue behind these messages.
import type { MessagePort } from 'node:worker_threads';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import type { RingMemory } from '../memory/line-ring.js';
import type { SlotSeries } from '../memory/metrics/series-memory.js';
import type { RingOfSpans } from '../memory/span-ring.js';
import type { Descriptor } from './sharding.js';

/** Increase it when a message changes its shape. */
export const PROTOCOL_VERSION = 12;

/** The `workerData` of a thread. */
export interface WorkerBoot {
  readonly protocol: number;
  /** The id by which operators know the worker: 1..WORKERS for HTTP, those of gRPC follow. */
  readonly worker: number;
  /** Row of shared memory, for this thread alone while it is alive; row 0 belongs to the primary. */
  readonly slot: number;
  /** Number of this thread among those of its worker: grows by one with every replacement. */
  readonly generation: number;
  readonly memory: Block['buffer'];
  /** The memory for the metric series of this slot. It grows without being moved. */
  readonly series: SlotSeries;
  /** Where the thread keeps its latest spans, for the primary; undefined: nowhere. */
  readonly spans: RingOfSpans | undefined;
  readonly settings: Settings;
  /**
   * The port on which an HTTP worker itself listens; undefined when the primary hands its connections over to
   * it, and in a worker with a port of its own, which asks for it.
   */
  readonly port: number | undefined;
  /** Unique for each start of the process: the owner of leases in databases. */
  readonly instanceId: string;
  readonly cpuPort: MessagePort;
  /** Where the thread leaves its log lines for the primary; undefined: it writes them itself. */
  readonly logMemory: RingMemory | undefined;
  /** Where the thread leaves a copy of each log line, which the primary exports; undefined: none is. */
  readonly exportedLog: RingMemory | undefined;
  /** Services whose `service-ready` was sent to other threads before this one started. */
  readonly ready: readonly ReadyService[];
}

/** A service whose database is migrated. */
export interface ReadyService {
  readonly service: string;
  /** How to reach the database: plain data that the cluster module passes on without reading it. */
  readonly database: unknown;
}

export const LEAVE_REASONS = [
  'drained',
  'uncaught-exception',
  'unhandled-rejection',
  'process-exit',
  'start-failed',
  'stalled',
] as const;
export type LeaveReason = (typeof LEAVE_REASONS)[number];

export type FromWorker =
  /**
   * The thread can serve. `descriptor` is not used any more after `detached`. `routes` lists the routes of
   * the thread: plain data that the cluster module passes on without reading it.
   */
  | { readonly type: 'ready'; readonly descriptor: Descriptor; readonly routes: unknown }
  /** The thread can serve as soon as it gets the port of its worker: it waits for `listen`. */
  | { readonly type: 'port-wanted' }
  /** Follows a `listen`. */
  | { readonly type: 'listening'; readonly port: number }
  /** Follows an `unbind`: the port is free. */
  | { readonly type: 'unbound' }
  /** Follows a `service-ready`: requests of this service are no longer rejected by this thread. */
  | { readonly type: 'serving'; readonly service: string }
  | { readonly type: 'leaving'; readonly reason: LeaveReason; readonly detail: string | undefined }
  /** An unhandled rejection with UNHANDLED_REJECTION=log. */
  | { readonly type: 'failed'; readonly detail: string }
  /** An unhandled rejection with UNHANDLED_REJECTION=exit. */
  | { readonly type: 'fatal'; readonly detail: string }
  /** The configuration or the code of a service is wrong: a restart would not help. */
  | { readonly type: 'refused'; readonly message: string; readonly exitCode: number };

export interface ListenOrder {
  /** 0: any free port. */
  readonly port: number;
  /**
   * How long the port may be in use, in milliseconds, because a predecessor had it a moment ago or is about
   * to give it up. 0: a port that is in use belongs to another program.
   */
  readonly withinMs: number;
  /**
   * Another process has the port until it knows that this one is ready, so the thread is ready before it
   * listens.
   */
  readonly isShared: boolean;
  /** A thread of the same worker has not given up the port in time, and may still have it. */
  readonly isKept: boolean;
}

export type ToWorker =
  /**
   * `isFault`: the thread has to leave because of something that it ran. Otherwise it is replaced by plan, or
   * the process ends.
   */
  | { readonly type: 'drain'; readonly withinMs: number; readonly isFault: boolean }
  /** The loop of the thread was stalled and what it ran was interrupted. */
  | { readonly type: 'recover' }
  /** The thread is out of rotation: it finishes its requests, at the latest after `withinMs`, and ends. */
  | { readonly type: 'detached'; readonly withinMs: number }
  | ({ readonly type: 'listen' } & ListenOrder)
  /** Gives up the port and keeps the connections; `unbound` follows. */
  | { readonly type: 'unbind' }
  | ({ readonly type: 'service-ready' } & ReadyService);
