// One worker that has the port of the data plane by one thread at a time: for the HTTP core on `node:http`
// where threads cannot share a port. A thread gives the port up to its successor (port-holders.ts). While no
// thread listens for longer than that takes, the primary does, so that this process keeps the port and
// requests get 503 NO_WORKER.
import { acceptQueueEmpty } from '../accept-queue.js';
import type { Settings } from '../config.js';
import type { Sharing } from '../process/claim.js';
import { openPlaceholder } from './open-placeholder.js';
import type { CountedPlaceholderOptions, PlaceholderListener } from './placeholder-listener.js';
import type { Sharding } from './sharding.js';
import { StandIn, type StandInOptions } from './stand-in.js';
import type { WorkerPorts } from './worker-ports.js';

export interface SinglePortOptions extends CountedPlaceholderOptions, Pick<Settings, 'httpCore' | 'port'> {
  readonly sharing: Sharing;
}

export class SinglePort implements Sharding, WorkerPorts {
  readonly port: number;
  readonly workerPort = undefined;
  readonly #placeholder: PlaceholderListener;
  readonly #standIn: StandIn;
  /** A predecessor process has the port until it knows that this one is ready. */
  #isShared: boolean;
  #isSilent = false;
  #isStopped = false;

  /** @throws StartError when the address cannot be listened on */
  static async open(options: SinglePortOptions, log: StandInOptions['log']): Promise<SinglePort> {
    const { httpCore, host, port, sharing } = options;
    const placeholder = await openPlaceholder(httpCore, options);
    const isShared = sharing === 'beside' && port !== 0;
    const own = isShared ? port : await placeholder.listen(port, 'exclusive');
    return new SinglePort({ placeholder, host, port: own, mode: 'exclusive', log }, isShared);
  }

  private constructor(options: StandInOptions, isShared: boolean) {
    this.port = options.port;
    this.#placeholder = options.placeholder;
    this.#standIn = new StandIn(options);
    this.#isShared = isShared;
  }

  get ports(): WorkerPorts {
    return this;
  }

  of(): number {
    return this.port;
  }

  isShared(): boolean {
    return this.#isShared;
  }

  isSilent(): boolean {
    return this.#isSilent;
  }

  vacate(): void {
    this.#standIn.end();
  }

  listening(): void {
    this.#isShared = false;
    this.#isSilent = false;
  }

  silent(): void {
    this.#isSilent = true;
    if (!this.#isStopped && !this.#isShared) this.#standIn.begin();
  }

  /** Does nothing: the worker listens once the predecessor has given up the port. */
  async join(): Promise<void> {}

  /** These do nothing: there is only one worker to choose. */
  add(): void {}
  pause(): void {}
  remove(): void {}
  expect(): void {}

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
