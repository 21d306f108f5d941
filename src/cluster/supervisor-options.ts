// What the supervisor needs from the rest of the primary.
import type { MessagePort } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import type { RingMemory } from '../memory/line-ring.js';
import type { SeriesMemory } from '../memory/metrics/series-memory.js';
import type { SpanMemory } from '../memory/span-ring.js';
import type { EarlyThread } from './early-threads.js';
import type { RestartLimits } from './restarts.js';
import type { EndReason } from './thread-options.js';
import type { WorkerGroup } from './worker-group.js';
import type { WorkerThread } from './worker-thread.js';

export interface SupervisorOptions {
  readonly group: WorkerGroup;
  readonly settings: Settings;
  /**
   * The thread that was started for a worker before the supervisor existed; asked for once per worker.
   * @default none
   */
  takeEarlyThread?(worker: number): EarlyThread | undefined;
  /** Shared memory with the rows of the group. */
  readonly block: Block;
  /** Memory of each slot for metric series. */
  readonly series: SeriesMemory;
  /** Memory of each slot for the latest spans. @default threads keep none */
  readonly spans?: SpanMemory;
  readonly instanceId: string;
  readonly log: Logger;
  /**
   * Opens the memory through which a thread hands its log lines to the primary.
   * @default the thread writes its lines itself
   */
  openThreadLog?():
    | {
        readonly memory: RingMemory | undefined;
        /** Memory for a copy of each line, which the primary exports; absent: lines are not exported. */
        readonly exported?: RingMemory | undefined;
        close(): void;
      }
    | undefined;
  /** Takes the primary's end of a worker's CPU port. */
  attachCpu(port: MessagePort): void;
  /** No code of the thread in this slot can run any more: releases what it held in shared memory. */
  reclaim(slot: number): void;
  /** A thread has failed or is gone: logs what it was doing. Called before its rows are overwritten. */
  logFlightRecord(thread: WorkerThread, reason: string): void;
  /**
   * Whether threads may fail to start because the process can open few files. Called for each thread that
   * ended before it served.
   * @default never
   */
  isShortOfFiles?(): boolean;
  /**
   * Whether a thread of another group serves: then a worker that has served before is never given up.
   * @default never
   */
  othersServe?(): boolean;
  /** A thread has ended and its worker gets another one. */
  restarted(reason: EndReason): void;
  /** Receives the routes of each thread that gets ready: see `ready` in messages.ts. */
  routesReported?(routes: unknown): void;
  /** The process cannot continue and is to end with this exit code. */
  fatal(message: string, exitCode: number): void;
  /**
   * More threads are wedged or do not end than the process can bear: it is to drain and to end, so that its
   * own supervisor starts it anew.
   */
  exhausted(message: string): void;
  /** @default RESTART_LIMITS */
  readonly limits?: RestartLimits;
}
