// SHARDING=reuseport: every worker listens itself, and the kernel spreads connections over them by a hash of
// the addresses. While no worker listens the primary does, so that the port stays ours and NO_WORKER is
// answered.
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import type { Sharing } from '../process/claim.js';
import { PlaceholderListener, type PlaceholderOptions } from './placeholder-listener.js';
import type { Descriptor, Sharding } from './sharding.js';
import { inTurn } from './start-turn.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export interface ReusePortOptions extends PlaceholderOptions, Pick<Settings, 'port'> {
  readonly sharing: Sharing;
}

export class ReusePort implements Sharding {
  readonly port: number;
  readonly #front: PlaceholderListener;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly #listening = new Set<Descriptor>();
  #stopped = false;

  /** @throws StartError when the address cannot be listened on, or somebody else listens on it */
  static open(options: ReusePortOptions, log: Pick<Logger, 'info' | 'warn' | 'error'>): Promise<ReusePort> {
    return inTurn(() => new ReusePort(options, log), log);
  }

  private constructor(options: ReusePortOptions, log: Pick<Logger, 'info' | 'warn' | 'error'>) {
    this.#front = new PlaceholderListener(options);
    this.#log = log;
    const { port, sharing } = options;
    this.port = sharing === 'beside' && port !== 0 ? port : this.#front.reserve(port);
    if (!migratesQueues()) {
      log.info(
        'a worker that is replaced resets the connections that wait to be accepted by it; ' +
          'net.ipv4.tcp_migrate_req=1 hands them to the others',
      );
    }
  }

  get workerPort(): number {
    return this.port;
  }

  /** Its workers have by now: they start when what they need is there. */
  async join(): Promise<void> {}

  add(descriptor: Descriptor): void {
    this.#listening.add(descriptor);
    this.#front.stopListening();
  }

  /** Only its own thread could close its listener. What the kernel gives it waits until the loop turns. */
  pause(): void {}

  /** The kernel chooses. */
  expect(): void {}

  /** It closes its listener when it is told to drain: by then somebody else listens. */
  remove(descriptor: Descriptor): void {
    if (!this.#listening.delete(descriptor) || this.#listening.size > 0 || this.#stopped) return;
    try {
      this.#front.listen(this.port, 'shared');
    } catch (err) {
      // Nobody answers until the next worker listens: no reason to end those that still finish.
      this.#log.error({ err }, 'the primary cannot stand in for its workers');
    }
  }

  stopListening(): Promise<void> {
    this.#stopped = true;
    return this.#front.stopListeningBehindPoll();
  }

  close(): void {
    this.#front.close();
  }
}

/** Whether the kernel hands the queue of a listener that closes to another one (Linux 5.14 and newer). */
export function migratesQueues(): boolean {
  try {
    return readFileSync(MIGRATE, 'utf8').trim() === '1';
  } catch {
    return false; // an older kernel: it cannot
  }
}
