// A process that calls a service: the real registry, shared memory, and in each of its threads the real view,
// balancer, picker, breaker, ejection and budget, as src/primary and src/worker put them together.
import { Block } from '#src/memory/block.js';
import { BreakerCells } from '#src/memory/breaker/breaker-cell.js';
import { RetryBudgetCell } from '#src/memory/budget-cell.js';
import { EjectionCells } from '#src/memory/ejection-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { MAX_ENDPOINTS, MAX_OF_SERVICE, SNAPSHOT_BYTES } from '#src/memory/layout.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { HealthProber } from '#src/registry/health.js';
import { Registry } from '#src/registry/registry.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { changesText, snapshotText } from '#src/registry/snapshot-text.js';
import { DEFAULT_TRIP_RULE } from '#src/resilience/trip-rules.js';
import { Balancer } from '#src/upstream/balancer.js';
import { type CallObserver, SILENT } from '#src/upstream/call-observer.js';
import type { ServiceCallDependencies } from '#src/upstream/call-service.js';
import { EjectionWatch } from '#src/upstream/ejection-watch.js';
import { forgettingBreakers } from '#src/upstream/outliers.js';
import { RegistryView } from '#src/upstream/registry-view.js';
import type { VirtualTime } from '../virtual-time.js';
import type { Parts } from './parts.js';
import { type Server, simulatedTransport } from './server.js';

/** As src/upstream/ejection-watch.ts has it. */
const WATCH_MS = 200;
const SLOW_CALL_MS = 10_000;

export interface CallingProcessOptions {
  readonly name: string;
  readonly threads: number;
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly parts: Parts;
  readonly serverOf: (endpoint: Pick<Endpoint, 'port'>) => Server;
  readonly observer: Pick<CallObserver, 'attempt'>;
  readonly onEjection: (slot: number, change: 'ejected' | 'returned') => void;
}

export class CallingProcess {
  readonly name: string;
  readonly registry: Registry;
  readonly ejections: EjectionCells;
  /** What a call of each thread needs. */
  readonly threads: readonly ServiceCallDependencies[];
  readonly #options: CallingProcessOptions;
  readonly #block: Block;
  readonly #log: SnapshotLog;
  readonly #load: EndpointCells;
  readonly #breaker: BreakerCells;

  constructor(options: CallingProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.#block = Block.create({ workers: options.threads });
    this.#log = new SnapshotLog(this.#block);
    this.#load = new EndpointCells(this.#block, 0, options.time.clock);
    this.#breaker = this.#breakerOf(0);
    this.ejections = this.#ejectionsOf(0);
    this.registry = this.#registry();
    this.threads = Array.from({ length: options.threads }, (_, n) => this.#thread(n + 1));
    const watch = new EjectionWatch(this.ejections, this.registry);
    options.time.every(WATCH_MS, () => watch.look());
  }

  /** An instance is announced to this process. */
  enter({ id, port }: Server, members: object = {}): void {
    const rights = { isServed: true, mayShadowLocal: true };
    void this.registry.mirror('orders', id, { host: '10.0.0.1', port, ...members }, rights);
  }

  /** The calls of an instance that run in this process. */
  inFlight(slot: number): number {
    return this.#load.inFlight(slot);
  }

  /** Whether an instance is not ejected, and its breaker admits a call. */
  admits(slot: number): boolean {
    return !this.ejections.isEjected(slot) && this.#breaker.admits(slot);
  }

  #breakerOf(thread: number): BreakerCells {
    return new BreakerCells(this.#block, thread, DEFAULT_TRIP_RULE, this.#options.time.clock);
  }

  #ejectionsOf(thread: number): EjectionCells {
    const { parts, time, onEjection } = this.#options;
    const events = forgettingBreakers(this.#breakerOf(thread), {
      ejected: (slot) => onEjection(slot, 'ejected'),
      returned: (slot) => onEjection(slot, 'returned'),
    });
    return new EjectionCells(this.#block, parts.rule, time.clock, events);
  }

  #registry(): Registry {
    const { name, time, random, serverOf } = this.#options;
    const { ejections } = this;
    const load = this.#load;
    const fresh = (slot: number): void => {
      for (const cells of [load, this.#breaker, ejections]) cells.reset(slot);
    };
    const probe = async ({ port }: { readonly port: number }) => serverOf({ port }).mode === 'well';
    return new Registry({
      clock: time.clock,
      now: () => new Date(time.now),
      schedule: time.schedule,
      publish: (update) => this.#log.publish(changesText(update), () => snapshotText(update)),
      slots: new SlotTable(MAX_ENDPOINTS, time.clock, fresh, (slot) => load.inFlight(slot) === 0),
      ejections,
      addresses: { admit: async ({ host }) => host },
      health: new HealthProber({
        probe,
        schedule: time.schedule,
        clock: time.clock,
        random,
        spareFiles: 1_024,
      }),
      revisionPrefix: name,
      maxSnapshotBytes: SNAPSHOT_BYTES,
      maxOfService: MAX_OF_SERVICE,
    });
  }

  #thread(thread: number): ServiceCallDependencies {
    const { time, random, parts, serverOf, observer } = this.#options;
    const { clock } = time;
    const view = new RegistryView(this.#log);
    const endpoints = parts.endpoints((service, protocol) => view.endpoints(service, protocol));
    const load = new EndpointCells(this.#block, thread, clock);
    const cells = this.#ejectionsOf(thread);
    const seat = { load, random, truth: (endpoint: Endpoint) => serverOf(endpoint).load };
    const balancer = new Balancer({
      endpoints,
      picker: parts.picker(seat),
      statuses: parts.statuses(cells, parts.rule),
      clock,
      random,
    });
    return {
      balancer: parts.balancer(balancer),
      breaker: this.#breakerOf(thread),
      outliers: parts.outliers({ cells, records: load, endpoints }),
      slowCallMs: SLOW_CALL_MS,
      load,
      budget: parts.budget(new RetryBudgetCell(this.#block, clock)),
      transports: { http: simulatedTransport(time, serverOf) },
      clock,
      random,
      sleep: time.sleep,
      observer: { ...SILENT, attempt: observer.attempt },
    };
  }
}
