// SHARDING=acceptor: the primary accepts every connection and hands its socket to a worker. The HTTP core
// takes the workers in turn. Workers with clearly more load than the others are excluded for a while
// (load-exclusion.ts). While connections are expected that have lost their worker, all workers but those with
// the fewest connections are excluded for a moment.
import type { Logger } from 'pino';
import { acceptQueueEmpty } from '../accept-queue.js';
import type { Settings } from '../config.js';
import { type Every, ownInterval } from '../grouped-interval.js';
import type { Sharing } from '../process/claim.js';
import { excludedByLoad, excludedToFill, type Load, weightOf } from './load-exclusion.js';
import type { PlaceholderOptions } from './placeholder-listener.js';
import { boundReceiveBuffers } from './receive-buffers.js';
import type { Descriptor, Sharding } from './sharding.js';
import { isLevel } from './surplus.js';
import { UwsPlaceholder } from './uws-placeholder.js';

const SAMPLE_EVERY_MS = 250;
/**
 * The interval of decisions while a worker is excluded. It is short, because clients that have lost their
 * connections come back at once and would all go to the other workers.
 */
const RECONSIDER_MS = 25;
/** The number of samples in a row in which a connection must appear to count as long-lived. */
const SAMPLES = 4;
/** The time within which clients that have lost their connection come back, if they want another one. */
const EXPECT_MS = 1000;

interface Child {
  /** The recent samples, oldest first. */
  readonly samples: Load[];
  isExcluded: boolean;
}

export interface AcceptorOptions extends PlaceholderOptions, Pick<Settings, 'port'> {
  readonly sharing: Sharing;
  /** The load of the worker thread in a row of shared memory. */
  readonly load: (slot: number) => Load;
  /** The number of connections that all workers have opened since the start. */
  readonly opened: () => number;
  /** @default a timer of its own */
  readonly every?: Every;
}

export class Acceptor implements Sharding {
  readonly workerPort = undefined;
  #port: number;
  readonly #listener: UwsPlaceholder;
  readonly #load: AcceptorOptions['load'];
  readonly #opened: AcceptorOptions['opened'];
  readonly #log: Pick<Logger, 'warn'>;
  /** Workers in rotation, excluded ones included. */
  readonly #children = new Map<Descriptor, Child>();
  readonly #stopSampling: () => void;
  #reconsiderTimer: NodeJS.Timeout | undefined;
  /**
   * Connections are expected until `opened` of them have been opened since the start, at the latest until
   * `until` on the clock of `performance.now()`.
   */
  #expected = { opened: 0, until: 0 };
  /** Resolves when the receive buffers of the listener are bounded. */
  #bounded = Promise.resolve();

  /** @throws StartError when the address cannot be listened on */
  constructor(options: AcceptorOptions, log: Pick<Logger, 'warn'>) {
    this.#listener = new UwsPlaceholder(options);
    this.#load = options.load;
    this.#opened = options.opened;
    this.#log = log;
    this.#port = options.port;
    if (options.sharing === 'alone') this.#listening(this.#listener.listen(options.port, 'exclusive'));
    else if (options.sharing === 'first') this.#listening(this.#listener.reserve(options.port));
    // No other process can have a free port, so this one need not wait for `join`.
    else if (options.port === 0) this.#listening(this.#listener.listen(0, 'shared'));
    const { every = ownInterval } = options;
    this.#stopSampling = every(SAMPLE_EVERY_MS, () => this.#sampleAndDecide());
  }

  get port(): number {
    return this.#port;
  }

  async join(): Promise<void> {
    if (!this.#listener.isListening) this.#listening(this.#listener.listen(this.#port, 'shared'));
    await this.#bounded;
  }

  add(descriptor: Descriptor): void {
    this.#includeAll();
    this.#children.set(descriptor, { samples: [], isExcluded: false });
    this.#listener.addChild(descriptor.app);
  }

  expect(connections: number): void {
    const held = [...this.#children.keys()].map(({ slot }) => this.#load(slot).connections);
    if (connections === 0 || isLevel(held)) return;
    const opened = this.#opened() + connections;
    const before = this.#isExpecting ? this.#expected.opened : 0;
    this.#expected = { opened: Math.max(opened, before), until: performance.now() + EXPECT_MS };
    this.#decide(this.#currentLoads());
  }

  pause(descriptor: Descriptor): void {
    this.remove(descriptor);
  }

  remove(descriptor: Descriptor): void {
    const child = this.#children.get(descriptor);
    if (child === undefined) return;
    this.#children.delete(descriptor);
    if (!child.isExcluded) this.#listener.removeChild(descriptor.app);
    this.#includeAll();
    this.expect(longLivedOf(child.samples.map(({ connections }) => connections)));
  }

  async stopListening(): Promise<void> {
    // Until then, the helper process has the listener as well, and would lose the connections that it
    // completes.
    await this.#bounded;
    await acceptQueueEmpty();
    this.#listener.stopListening();
  }

  close(): void {
    this.#stopSampling();
    clearTimeout(this.#reconsiderTimer);
    this.#listener.close();
  }

  get #isExpecting(): boolean {
    return performance.now() < this.#expected.until && this.#opened() < this.#expected.opened;
  }

  #listening(port: number): void {
    this.#port = port;
    this.#bounded = boundReceiveBuffers(port, this.#log);
  }

  /** Placement is relative to the current workers, so it is decided anew when their set changes. */
  #includeAll(): void {
    for (const [descriptor, child] of this.#children) this.#setExcluded(descriptor, child, false);
  }

  #currentLoads(): readonly Load[] {
    return [...this.#children.keys()].map(({ slot }) => this.#load(slot));
  }

  #sampleAndDecide(): void {
    const loads = this.#currentLoads();
    for (const [index, { samples }] of [...this.#children.values()].entries()) {
      samples.push(loads[index]!);
      if (samples.length > SAMPLES) samples.shift();
    }
    this.#decide(loads);
  }

  /** @param loads the current load of each worker in rotation */
  #decide(loads: readonly Load[]): void {
    const children = [...this.#children];
    const excluded = this.#isExpecting
      ? excludedToFill(loads.map(({ connections }) => connections))
      : excludedByLoad(
          children.map(([, { samples, isExcluded }], index) => ({
            current: weightOf(loads[index]!),
            longLived: longLivedOf(samples.map(weightOf)),
            isExcluded,
          })),
        );
    for (const [index, [descriptor, child]] of children.entries()) {
      this.#setExcluded(descriptor, child, excluded[index]!);
    }
    clearTimeout(this.#reconsiderTimer);
    if (excluded.includes(true)) {
      this.#reconsiderTimer = setTimeout(() => this.#decide(this.#currentLoads()), RECONSIDER_MS);
    }
  }

  #setExcluded(descriptor: Descriptor, child: Child, isExcluded: boolean): void {
    if (child.isExcluded === isExcluded) return;
    child.isExcluded = isExcluded;
    if (isExcluded) this.#listener.removeChild(descriptor.app);
    else this.#listener.addChild(descriptor.app);
  }
}

/** The part of the load that appears in all samples; 0 while there are too few. */
const longLivedOf = (samples: readonly number[]): number =>
  samples.length < SAMPLES ? 0 : Math.min(...samples);
