// Keeps WORKERS threads serving: starts them, puts them into rotation when ready, lets them leave in order,
// and starts the next one in the slot. Owner of every worker's state; the rules are in worker-state.ts.
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import { setGeneration } from '../memory/worker-row.js';
import type { Acceptor } from './acceptor.js';
import {
  type FromWorker,
  PROTOCOL_VERSION,
  type ReadyService,
  type ToWorker,
  type WorkerBoot,
} from './messages.js';
import { descriptorOf, move, restartDelay, type WorkerEvent, type WorkerState } from './worker-state.js';

/** Starts in a row that may end before `ready`, per slot, before the process gives up (exit 70). */
const GIVE_UP_AFTER = 8;
/** A worker that lived this long starts its slot's backoff anew. */
const LONG_LIFE_MS = 10_000;

export interface SupervisorOptions {
  readonly entry: URL;
  readonly settings: Settings;
  readonly block: Block;
  readonly acceptor: Acceptor;
  readonly instanceId: string;
  readonly log: Logger;
  /** Takes the primary's end of a worker's CPU port. */
  attachCpu(port: MessagePort): void;
  /** No code of the thread in this slot can run any more: give back what it held in shared memory. */
  reclaim(slot: number): void;
  /** A worker ended unplanned. */
  restarted(reason: string): void;
  /** The process cannot go on: why, and its exit code. */
  fatal(message: string, exitCode: number): void;
}

interface Lane {
  readonly slot: number;
  generation: number;
  state: WorkerState;
  startedAt: Date;
  thread: Worker | undefined;
  cpuPort: MessagePort | undefined;
  /** Short lives in a row: the exponent of the backoff. */
  failures: number;
  /** Lives in a row that never reached `ready`. */
  unready: number;
  restart: NodeJS.Timeout | undefined;
  /** Services with a database whose routes answer in this thread. */
  readonly serving: Set<string>;
}

export interface LaneView {
  readonly slot: number;
  readonly generation: number;
  readonly state: WorkerState;
  readonly startedAt: Date;
  readonly serving: ReadonlySet<string>;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #lanes: Lane[];
  readonly #ready: ReadyService[] = [];
  readonly #changed = new Set<() => void>();
  #stopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.settings.workers }, (_, index) => ({
      slot: index + 1,
      generation: 0,
      state: { kind: 'dead', reason: 'drained' },
      startedAt: new Date(),
      thread: undefined,
      cpuPort: undefined,
      failures: 0,
      unready: 0,
      restart: undefined,
      serving: new Set(),
    }));
  }

  start(): void {
    for (const lane of this.#lanes) this.#spawn(lane);
  }

  get lanes(): readonly LaneView[] {
    return this.#lanes;
  }

  /** Resolves once `test` holds; asked again after every change of any worker. */
  until(test: (lanes: readonly LaneView[]) => boolean): Promise<void> {
    const holds = (): boolean => test(this.#lanes);
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds()) return;
        this.#changed.delete(check);
        resolve();
      };
      this.#changed.add(check);
    });
  }

  /** Tells every worker, and every later one, that a service may answer. */
  serviceReady(ready: ReadyService): void {
    this.#ready.push(ready);
    for (const lane of this.#lanes) this.#send(lane, { type: 'service-ready', ...ready });
  }

  /** Drains and ends all workers, at the latest after `withinMs`. Nothing is started any more. */
  async stop(withinMs: number): Promise<void> {
    this.#stopping = true;
    for (const lane of this.#lanes) {
      clearTimeout(lane.restart);
      if (lane.state.kind === 'ready') this.#options.acceptor.remove(lane.state.descriptor);
      // Also to one that drains already: it may have been given more time than is left now.
      this.#send(lane, { type: 'drain', withinMs });
      if (lane.state.kind === 'starting' || lane.state.kind === 'ready') this.#move(lane, { type: 'drain' });
    }
    await this.until((lanes) => lanes.every(({ state }) => state.kind === 'dead'));
  }

  #spawn(lane: Lane): void {
    lane.generation++;
    lane.startedAt = new Date();
    lane.state = { kind: 'starting' };
    lane.serving.clear();
    setGeneration(this.#options.block, lane.slot, lane.generation);
    const cpu = new MessageChannel();
    this.#options.attachCpu(cpu.port1);
    lane.cpuPort = cpu.port1;
    const boot: WorkerBoot = {
      protocol: PROTOCOL_VERSION,
      slot: lane.slot,
      generation: lane.generation,
      memory: this.#options.block.buffer,
      settings: this.#options.settings,
      instanceId: this.#options.instanceId,
      cpuPort: cpu.port2,
      ready: this.#ready,
    };
    const thread = new Worker(this.#options.entry, {
      workerData: boot,
      transferList: [cpu.port2],
      name: `http-${lane.slot}`,
    });
    lane.thread = thread;
    thread.on('message', (message: FromWorker) => this.#receive(lane, message));
    // The worker catches everything itself and says `leaving`; what arrives here it could not (bad entry file).
    thread.on('error', (error) =>
      this.#options.log.error({ worker: lane.slot, err: error }, 'worker failed'),
    );
    thread.on('exit', () => this.#exited(lane));
    this.#notify();
  }

  #receive(lane: Lane, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        if (lane.state.kind !== 'starting') return; // told to drain meanwhile
        this.#options.acceptor.add(message.descriptor);
        lane.unready = 0;
        this.#move(lane, message);
        this.#options.log.info({ worker: lane.slot, generation: lane.generation }, 'worker ready');
        break;
      case 'serving':
        lane.serving.add(message.service);
        this.#notify();
        break;
      case 'leaving': {
        const { reason, detail } = message;
        if (reason !== 'drained') {
          this.#options.log.error({ worker: lane.slot, reason, detail }, 'worker leaves');
        }
        const descriptor = descriptorOf(lane.state);
        if (descriptor !== undefined) this.#options.acceptor.remove(descriptor);
        this.#move(lane, { type: 'leaving', reason });
        this.#send(lane, { type: 'detached' });
        break;
      }
      case 'refused':
        this.#options.fatal(message.message, message.exitCode);
        break;
    }
  }

  #exited(lane: Lane): void {
    const descriptor = descriptorOf(lane.state);
    if (descriptor !== undefined) this.#options.acceptor.remove(descriptor);
    this.#options.reclaim(lane.slot);
    lane.cpuPort?.close();
    lane.thread = undefined;
    this.#move(lane, { type: 'exit' });
    if (this.#stopping) return;
    const reason = lane.state.kind === 'dead' ? lane.state.reason : 'lost';
    this.#options.restarted(reason);
    // `ready` clears the count, so it holds only lives that ended before it.
    if (++lane.unready > GIVE_UP_AFTER) {
      this.#options.fatal(
        `worker ${lane.slot} ended ${GIVE_UP_AFTER} times before it could serve (${reason})`,
        70,
      );
      return;
    }
    lane.failures = Date.now() - lane.startedAt.getTime() > LONG_LIFE_MS ? 0 : lane.failures + 1;
    const delay = restartDelay(lane.failures);
    lane.restart = setTimeout(() => this.#spawn(lane), delay);
  }

  #send(lane: Lane, message: ToWorker): void {
    lane.thread?.postMessage(message);
  }

  #move(lane: Lane, event: WorkerEvent): void {
    lane.state = move(lane.state, event);
    this.#notify();
  }

  #notify(): void {
    for (const check of [...this.#changed]) check();
  }
}
