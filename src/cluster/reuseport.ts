// SHARDING=reuseport: every worker listens itself, and the kernel spreads connections over them by a hash of the
// addresses. While no worker listens the primary does, so that the port stays ours and NO_WORKER is answered.
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Settings } from '../config.js';
import { Front, type FrontSettings } from './front.js';
import type { Descriptor, Sharding } from './sharding.js';
import { inTurn } from './start-turn.js';

const MIGRATE = '/proc/sys/net/ipv4/tcp_migrate_req';

export type ReusePortSettings = FrontSettings & Pick<Settings, 'port' | 'pmId'>;

export class ReusePort implements Sharding {
  readonly port: number;
  readonly #front: Front;
  readonly #log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly #listening = new Set<Descriptor>();
  #stopped = false;

  /** @throws StartError when the address cannot be listened on, or somebody else listens on it */
  static open(settings: ReusePortSettings, log: Pick<Logger, 'info' | 'warn' | 'error'>): Promise<ReusePort> {
    return inTurn(() => new ReusePort(settings, log), log);
  }

  private constructor(settings: ReusePortSettings, log: Pick<Logger, 'info' | 'warn' | 'error'>) {
    this.#front = new Front(settings);
    this.#log = log;
    const isTakeOver = settings.pmId !== null && settings.port !== 0;
    this.port = isTakeOver ? settings.port : this.#reserve(settings.port);
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

  add(descriptor: Descriptor): void {
    this.#listening.add(descriptor);
    this.#front.stopListening();
  }

  /** Only its own thread could close its listener. What the kernel gives it waits until the loop turns. */
  pause(): void {}

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

  stopListening(): void {
    this.#stopped = true;
    this.#front.stopListening();
  }

  close(): void {
    this.#front.close();
  }

  /** Where many may listen, nobody is refused: so it is asked first whether anybody does. */
  #reserve(wanted: number): number {
    const port = this.#front.listen(wanted, 'exclusive');
    this.#front.stopListening();
    return this.#front.listen(port, 'shared');
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
