// Causes of a 503 on the admin plane: its own refusals, missing things that its handlers need, and its
// probes.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LOOPBACK_AND_PRIVATE } from '#src/address-ranges.js';
import type { AdminRoute } from '#src/admin/admin-route.js';
import type { CpuThreadsSwitch } from '#src/admin/cpu-threads-switch.js';
import { OperatorSwitches } from '#src/admin/operator-switches.js';
import { localShadowing, registryRoutes } from '#src/admin/registry-routes.js';
import { sagaRoutes } from '#src/admin/saga-routes.js';
import { switchRoutes } from '#src/admin/switch-routes.js';
import { telemetryRoutes } from '#src/admin/telemetry-routes.js';
import { workerRoutes } from '#src/admin/worker-routes.js';
import { RollingReload } from '#src/cluster/rolling-reload.js';
import { Block } from '#src/memory/block.js';
import { Switches } from '#src/memory/switches.js';
import { SagaJournals } from '#src/primary/saga-journals.js';
import { AddressPolicy } from '#src/registry/addresses.js';
import { NameLookups } from '#src/registry/name-lookups.js';
import { Registry } from '#src/registry/registry.js';
import { referenceShop } from '#src/services/catalog.js';
import { Exposition } from '#src/telemetry/prometheus.js';
import { closePlanes, type Plane, plane } from '#test/admin/admin-fixture.js';
import { latch } from '#test/server/kit.js';
import { get, put } from '#test/support/client.js';
import { silentLog } from '#test/support/silent-log.js';
import { Wire } from '#test/support/wire.js';
import { FakeTime } from '#test/upstream/endpoints.js';
import type { Reached, Way } from './way.js';

async function byPlane(
  routes: readonly AdminRoute[],
  ask: (url: string) => Promise<readonly Reached[]>,
): Promise<readonly Reached[]> {
  try {
    return await ask((await plane(routes)).url);
  } finally {
    await closePlanes();
  }
}

/** The operator's actions on these workers. */
function workers(
  workers: readonly { readonly worker: number; readonly threadId: number }[],
  stopping: boolean,
) {
  const supervisor = { workers, stopping, replace: async () => undefined } as never;
  return workerRoutes(supervisor, new RollingReload(supervisor, silentLog));
}

const RESPONSE_OVERLOADED = 'src/admin/response-writer.ts OVERLOADED x2';
const QUICK = 'GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n';
const SLOW = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** An admin plane with a running request until `act` has received its responses. */
async function besideSlow(act: (running: Plane) => Promise<readonly Reached[]>): Promise<readonly Reached[]> {
  const begun = latch();
  const end = latch();
  const quick: AdminRoute = { method: 'GET', path: '/quick', handler: () => ({ status: 200 }) };
  const slow: AdminRoute = {
    method: 'GET',
    path: '/slow',
    handler: async () => {
      begun.open();
      await end.opened;
      return { status: 200 };
    },
  };
  const running = await plane([quick, slow], { limits: { connections: 4 } });
  try {
    const busy = await Wire.open(running.url);
    busy.write(SLOW);
    await begun.opened;
    return await act(running);
  } finally {
    end.open();
    await closePlanes();
  }
}

/** A request that arrives while another one keeps a closing admin plane open. */
const besideTheLast = (): Promise<readonly Reached[]> =>
  besideSlow(async ({ url, close }) => {
    const open = await Wire.open(url);
    open.write(QUICK);
    await open.response();
    // Half a header keeps the connection from being idle. The admin plane has read it when it has responded
    // to another request.
    open.write(QUICK.slice(0, 20));
    await get(`${url}/quick`);
    void close();
    open.write(QUICK.slice(20));
    return [await open.response()];
  });

/** A request while the most allowed number of requests runs. */
const besideMany = (): Promise<readonly Reached[]> =>
  besideSlow(async ({ url }) => [await get(`${url}/quick`)]);

async function oneStreamTooMany(): Promise<readonly Reached[]> {
  const events: AdminRoute = {
    method: 'GET',
    path: '/events',
    handler: () => ({ status: 200, stream: () => () => undefined }),
  };
  const { url } = await plane([events], { limits: { connections: 4 } });
  const streams = await Promise.all([fetch(`${url}/events`), fetch(`${url}/events`)]);
  try {
    return [await get(`${url}/events`)];
  } finally {
    await Promise.all(streams.map(async ({ body }) => body?.cancel()));
    await closePlanes();
  }
}

export const admin: readonly Way[] = [
  {
    title: 'an admin plane that closes',
    sites: ['src/admin/dispatcher.ts DRAINING'],
    code: 'DRAINING',
    executed: false,
    reach: besideTheLast,
  },
  {
    title: 'an admin plane with too many concurrent requests',
    sites: ['src/admin/dispatcher.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: besideMany,
  },
  {
    title: 'one event stream too many',
    sites: [RESPONSE_OVERLOADED],
    code: 'OVERLOADED',
    executed: true,
    reach: oneStreamTooMany,
  },
  {
    title: 'a response of the admin plane that is larger than what clients may leave unread',
    sites: [RESPONSE_OVERLOADED],
    code: 'OVERLOADED',
    executed: true,
    reach() {
      const bytes = Buffer.alloc(64 * 1024 * 1024 + 1);
      const large: AdminRoute = { method: 'GET', path: '/large', handler: () => ({ status: 200, bytes }) };
      return byPlane([large], async (url) => [await get(`${url}/large`)]);
    },
  },
  {
    title: 'a full registry',
    sites: ['src/registry/registry-room.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach() {
      const time = new FakeTime();
      const registry = new Registry({
        clock: time.clock,
        now: () => new Date(),
        schedule: time.schedule,
        publish: () => undefined,
        slots: { take: () => undefined, release: () => undefined },
        ejections: { isEjected: () => false, arrive: () => undefined },
        addresses: new AddressPolicy({ allow: LOOPBACK_AND_PRIVATE, guarded: () => [] }),
        health: { watch: () => () => undefined },
        revisionPrefix: 'p',
        maxSnapshotBytes: 1 << 20,
        maxOfService: 10_000,
      });
      const routes = registryRoutes(registry, {
        load: { inFlight: () => 0, smoothedLatency: () => 0 },
        ejectedForMs: () => 0,
        mayShadowLocal: localShadowing({ acceptTokens: false, adminToken: false }),
      });
      const one = '/registry/v1/services/orders/instances/i1';
      return byPlane(routes, async (url) => [await put(url + one, { host: '127.0.0.1', port: 8081 })]);
    },
  },
  {
    title: 'an instance whose name is not resolved in time',
    sites: ['src/registry/name-lookups.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    reach() {
      const lookups = new NameLookups(() => new Promise(() => undefined), 5);
      const slow: AdminRoute = {
        method: 'GET',
        path: '/slow',
        handler: async () => ({ status: 200, json: await lookups.of('slow.internal', 'orders') }),
      };
      return byPlane([slow], async (url) => [await get(`${url}/slow`)]);
    },
  },
  {
    title: 'saga journals that do not exist yet',
    sites: ['src/primary/saga-journals.ts STARTING'],
    code: 'STARTING',
    executed: true,
    async reach() {
      const parts = { settings: {}, sharedState: {}, instanceId: 'i', log: silentLog } as never;
      const journals = new SagaJournals(referenceShop, parts);
      try {
        return await byPlane(
          sagaRoutes(() => journals.operator()),
          async (url) => [await get(`${url}/sagas`)],
        );
      } finally {
        await journals.close();
      }
    },
  },
  {
    title: 'switches before there is a worker',
    sites: ['src/admin/operator-switches.ts STARTING'],
    code: 'STARTING',
    executed: true,
    reach() {
      const block = Block.create({ workers: 1 });
      const otel = { sampler: 'always_on', samplerArg: 1, disabled: true, endpoint: undefined };
      const settings = { logLevel: 'info', otel } as never;
      const switches = new OperatorSwitches(settings, { block, switches: new Switches(block) });
      const body = { method: 'GET', route: '/', state: 'off' };
      const cpuThreads = {} as CpuThreadsSwitch;
      return byPlane(switchRoutes(switches, cpuThreads), async (url) => [
        await put(`${url}/switches/routes`, body),
      ]);
    },
  },
  {
    title: 'a reload of a stopping process',
    sites: ['src/admin/worker-routes.ts DRAINING'],
    code: 'DRAINING',
    executed: true,
    reach: () =>
      byPlane(workers([], true), async (url) => [await fetch(`${url}/workers/reload`, { method: 'POST' })]),
  },
  {
    title: 'a profile of a worker whose thread has ended',
    sites: ['src/admin/profile-route.ts NO_WORKER'],
    code: 'NO_WORKER',
    executed: true,
    reach: () =>
      byPlane(workers([{ worker: 1, threadId: 2 ** 30 }], false), async (url) => [
        await get(`${url}/workers/1/profile?seconds=1`),
      ]),
  },
  {
    title: 'a second profile of a worker',
    sites: ['src/admin/profile-route.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: true,
    async reach() {
      const thread = new Worker('setInterval(() => {}, 1e6)', { eval: true });
      try {
        await once(thread, 'online');
        return await byPlane(workers([{ worker: 1, threadId: thread.threadId }], false), async (url) => {
          const profiles = [1, 2].map(() => get(`${url}/workers/1/profile?seconds=1`));
          return (await Promise.all(profiles)).filter(({ status }) => status !== 200);
        });
      } finally {
        await thread.terminate();
      }
    },
  },
  {
    title: 'the probes of the admin plane',
    sites: ['src/admin/telemetry-routes.ts ?'],
    code: 'STARTING',
    executed: 'probe',
    reach() {
      const asked = () => ({ ready: false, reasons: ['soon'] });
      const routes = telemetryRoutes({
        readiness: asked,
        liveness: asked,
        exposition: new Exposition([]),
        sources: [],
        workers: () => [],
      });
      return byPlane(routes, async (url) => [await get(`${url}/livez`), await get(`${url}/readyz`)]);
    },
  },
];
