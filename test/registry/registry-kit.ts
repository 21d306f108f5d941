// A registry with fake time, fake name resolution and scripted probes.
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import type { ProbeTarget } from '#src/registry/health.js';
import type { Health } from '#src/registry/health-rule.js';
import { Registry } from '#src/registry/registry.js';
import { SlotTable } from '#src/registry/slot-table.js';
import { FakeTime } from '#test/upstream/endpoints.js';

export const REMOTE = { mayShadowLocal: false };
/** What a client has registered at another process, and what another process serves itself. */
export const OF_CLIENT = { isServed: false, mayShadowLocal: false };
export const OF_PROCESS = { isServed: true, mayShadowLocal: false };
export const instance = { host: '10.0.0.1', port: 8080 };

interface Watched {
  readonly target: ProbeTarget;
  readonly report: (health: Health) => void;
  stopped: boolean;
}

export function setUp(
  options: {
    readonly slots?: number;
    readonly maxSnapshotBytes?: number;
    readonly maxOfService?: number;
    readonly maxOfClients?: number;
  } = {},
) {
  const time = new FakeTime();
  const snapshots: { readonly revision: string; readonly endpoints: readonly Endpoint[] }[] = [];
  const watched: Watched[] = [];
  const refused = new Set<string>();
  const arrived: number[] = [];
  const admission = { during: async (): Promise<void> => undefined };
  const registry = new Registry({
    clock: time.clock,
    now: () => new Date(Date.UTC(2026, 0, 1) + time.now),
    schedule: time.schedule,
    publish: ({ revision, endpoints }) => snapshots.push({ revision, endpoints: endpoints() }),
    slots: new SlotTable(
      options.slots ?? 16,
      time.clock,
      () => undefined,
      () => false,
    ),
    ejections: {
      isEjected: () => false,
      arrive: (slot) => arrived.push(slot),
    },
    addresses: {
      admit: async ({ host }) => {
        await admission.during();
        if (refused.has(host)) throw new HttpError('ADDRESS_NOT_ALLOWED', host);
        return host === 'orders.internal' ? '10.9.9.9' : host;
      },
    },
    health: {
      watch: (target, report) => {
        const entry: Watched = { target, report, stopped: false };
        watched.push(entry);
        return () => {
          entry.stopped = true;
        };
      },
    },
    revisionPrefix: 'p',
    maxSnapshotBytes: options.maxSnapshotBytes ?? 1 << 20,
    maxOfService: options.maxOfService ?? 10_000,
    maxOfClients: options.maxOfClients ?? 10_000,
  });
  const put = (id: string, members: object = {}, service = 'orders') =>
    registry.put(service, id, { ...instance, ...members }, REMOTE);
  const ids = (service = 'orders') => registry.instances(service).map(({ id }) => id);
  const endpoints = () => snapshots.at(-1)!.endpoints;
  const stateOf = (id: string) => registry.instances('orders').find((each) => each.id === id)?.state;
  return { time, snapshots, watched, refused, arrived, admission, registry, put, ids, endpoints, stateOf };
}

export async function codeOf(run: () => unknown): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(HttpError);
    return (error as HttpError).code;
  }
}
