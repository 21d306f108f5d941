// A process of the registry in tests: the real registry and its connection with a backend.
import { expect } from 'chai';
import { pino } from 'pino';
import { HttpError } from '#src/errors.js';
import type { RegistryBackend } from '#src/registry/backends/backend.js';
import { RegistrySync } from '#src/registry/backends/registry-sync.js';
import type { ProbeTarget } from '#src/registry/health.js';
import { Registry } from '#src/registry/registry.js';
import { timers } from '#src/registry/schedule.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { until } from '#test/support/until.js';

const clock = (): number => performance.now();

export class RegistryProcess {
  readonly registry: Registry;
  readonly sync: RegistrySync;
  readonly lines: { readonly msg: string }[] = [];
  readonly probed: ProbeTarget[] = [];
  refused = 0;
  rejected = 0;

  /** @param port of its service `orders`; undefined: it has none */
  constructor(
    name: string,
    readonly backend: RegistryBackend,
    port?: number,
  ) {
    this.registry = plainRegistry(name, (target) => this.probed.push(target));
    if (port !== undefined) this.registry.registerLocal('orders', '10.0.0.1', port);
    const log = pino({}, { write: (line: string) => void this.lines.push(JSON.parse(line)) });
    this.sync = new RegistrySync({
      registry: this.registry,
      backend,
      log,
      mayShadowLocal: false,
      refused: () => {
        this.refused += 1;
      },
      rejected: () => {
        this.rejected += 1;
      },
    });
    this.sync.start();
  }

  /** `id state` of all instances of a service, in their order. */
  view(service = 'orders'): string[] {
    return this.registry
      .instances(service)
      .map(({ id, state }) => `${id} ${state}`)
      .toSorted();
  }

  /** Resolves when the process sees these instances, and rejects when that takes too long. */
  async sees(instances: readonly string[], service = 'orders'): Promise<void> {
    const expected = JSON.stringify(instances.toSorted());
    const seen = await until(
      () => JSON.stringify(this.view(service)),
      (last) => last === expected,
    );
    expect(seen).to.equal(expected);
  }

  put(id: string, members: object = {}, service = 'carts') {
    const body = { host: '10.0.0.9', port: 80, ...members };
    return this.registry.put(service, id, body, { mayShadowLocal: false });
  }
}

/**
 * A registry with real timers, which probes nothing.
 * @param admitted throws for a host that is not admitted
 */
export function plainRegistry(
  name: string,
  probed: (target: ProbeTarget) => void = () => undefined,
  admitted: (host: string) => void = () => undefined,
): Registry {
  return new Registry({
    clock,
    now: () => new Date(),
    schedule: timers,
    publish: () => undefined,
    slots: new SlotTable(
      20_000,
      clock,
      () => undefined,
      () => true,
    ),
    ejections: { isEjected: () => false, arrive: () => undefined },
    addresses: {
      admit: async ({ host }) => {
        if (host === '169.254.169.254') throw new HttpError('ADDRESS_NOT_ALLOWED', 'not admitted');
        admitted(host);
        return host;
      },
    },
    health: {
      watch: (target) => {
        probed(target);
        return () => undefined;
      },
    },
    // A process that is started again has another one.
    revisionPrefix: `${name}${Math.random().toString(36).slice(2)}`,
    maxSnapshotBytes: 1 << 24,
    maxOfService: 10_000,
  });
}
