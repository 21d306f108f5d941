// SHARDING=reuseport: every worker listens itself, and the kernel spreads connections over the listeners by a
// hash of the addresses. While no worker listens, the primary does, so that this process keeps the port and
// requests get 503 NO_WORKER.
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { acceptQueueEmpty } from '../accept-queue.js';
import type { Settings } from '../config.js';
import type { Sharing } from '../process/claim.js';
import { openPlaceholder } from './open-placeholder.js';
import type { CountedPlaceholderOptions, PlaceholderListener } from './placeholder-listener.js';
import type { Descriptor, Sharding } from './sharding.js';
import { StandIn, type StandInOptions } from './stand-in.js';
import { inTurn } from './start-turn.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export interface ReusePortOptions extends CountedPlaceholderOptions, Pick<Settings, 'httpCore' | 'port'> {
  readonly sharing: Sharing;
}

export class ReusePort implements Sharding {
  readonly port: number;
  readonly #placeholder: PlaceholderListener;
  readonly #standIn: StandIn;
  /** Workers in rotation. */
  readonly #listening = new Set<Descriptor>();
  #isStopped = false;

  /** @throws StartError when the address cannot be listened on, or another process listens on it */
  static async open(
    options: ReusePortOptions,
    log: Pick<Logger, 'info' | 'warn' | 'error'>,
  ): Promise<ReusePort> {
    const { httpCore, host, port, sharing } = options;
    const placeholder = await openPlaceholder(httpCore, options);
    const isReserved = sharing === 'beside' && port !== 0;
    const shared = isReserved ? port : await inTurn(async () => placeholder.reserve(port), log);
    return new ReusePort({ placeholder, host, port: shared, mode: 'shared', log });
  }

  private constructor(options: StandInOptions) {
    const { port, placeholder, log } = options;
    this.port = port;
    this.#placeholder = placeholder;
    this.#standIn = new StandIn(options);
    if (!migratesQueues()) {
      log.info(
        'a worker that is replaced resets the connections that it has not accepted yet; ' +
          'net.ipv4.tcp_migrate_req=1 hands them to the other workers',
      );
    }
  }

  get workerPort(): number {
    return this.port;
  }

  /** Does nothing: beside another process, the workers start when the process is ready, and listen then. */
  async join(): Promise<void> {}

  add(descriptor: Descriptor): void {
    this.#listening.add(descriptor);
    this.#standIn.end();
  }

  /** Does nothing: only the thread itself could close its listener. Its new connections wait for its loop. */
  pause(): void {}

  /** Does nothing: the kernel chooses the worker. */
  expect(): void {}

  /**
   * The worker closes its listener when it drains. If it is the last one, the primary listens before that.
   */
  remove(descriptor: Descriptor): void {
    if (!this.#listening.delete(descriptor) || this.#listening.size > 0 || this.#isStopped) return;
    this.#standIn.begin();
  }

  async stopListening(): Promise<void> {
    this.#isStopped = true;
    await acceptQueueEmpty();
    this.#standIn.end();
  }

  close(): void {
    this.#standIn.end();
    this.#placeholder.close();
  }
}

/**
 * Whether the kernel hands the queue of a listener that closes to another listener (Linux 5.14 and newer).
 */
export function migratesQueues(): boolean {
  try {
    return readFileSync(MIGRATE, 'utf8').trim() === '1';
  } catch {
    return false; // an older kernel
  }
}
