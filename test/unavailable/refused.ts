// Causes of a 503 on the data plane before the handler has run.
import { once } from 'node:events';
import type { ServiceError } from '@grpc/grpc-js';
import { openPlaceholder } from '#src/cluster/open-placeholder.js';
import { defineService, Type } from '#src/index.js';
import { Block } from '#src/memory/block.js';
import { NO_SHARE } from '#src/memory/rate/cluster-rates.js';
import { TextPage } from '#src/memory/text-page.js';
import { PROBLEM_JSON } from '#src/problem.js';
import { writeSwitchedOff } from '#src/server/kill-switch.js';
import { createTestApp, type TestApp } from '#src/testing.js';
import { SYSTEM_ROUTE_OPTIONS } from '#src/worker/system-route-options.js';
import { systemRoutes } from '#src/worker/system-routes.js';
import { UNCOUNTED } from '#test/cluster/uncounted.js';
import { startGateway } from '#test/gateway/kit.js';
import type { CoreUnderTest } from '#test/server/cores.js';
import { rpcBench } from '#test/server/grpc/kit.js';
import { type Bench, bench, latch, settled } from '#test/server/kit.js';
import { HANDSHAKE } from '#test/support/frames.js';
import { Wire } from '#test/support/wire.js';
import { endpoint } from '#test/upstream/endpoints.js';
import { RealUpstreams } from '#test/upstream/real-upstreams.js';
import { PROBE_PATHS } from '#test/worker/probe-paths.js';
import { appWith, everyWay, onEachCore, overSocket, type Reached, responseOf, type Way } from './way.js';

/** A second request while the first one waits in its handler. */
async function besideOne(options: { readonly maxConcurrent?: number }, settings = {}): Promise<Reached[]> {
  const held = latch();
  const busy = latch();
  const service = defineService({
    name: 'demo',
    routes: (app) =>
      app.get('/', options, async () => {
        busy.open();
        await held.opened;
        return 'ran';
      }),
  });
  const app: TestApp = await createTestApp({ services: [service], settings });
  try {
    const first = app.inject('/');
    await busy.opened;
    const refused = await app.inject('/');
    held.open();
    await first;
    return [responseOf(refused, refused.bytes())];
  } finally {
    held.open();
    await app.close();
  }
}

/** A WebSocket handshake with a route that has this `upgrade`. */
function webSocket(
  core: CoreUnderTest,
  isDraining: () => boolean,
  upgrade?: () => unknown,
): Promise<Reached> {
  const app = appWith({ draining: isDraining }, (routes) =>
    routes.ws('/', upgrade === undefined ? {} : { upgrade }),
  );
  return overSocket(core, app, (wire) => wire.request('GET', '/', HANDSHAKE));
}

/**
 * A POST with a late body, to a route that declares a body.
 * @param meanwhile runs while the body is awaited
 */
function lateBody(core: CoreUnderTest, world: Bench, meanwhile: () => void): Promise<Reached> {
  return overSocket(core, world.app, async (wire) => {
    const answer = wire.request('POST', '/', ['Content-Type: application/json', 'Content-Length: 2']);
    while (world.quotas.bodies.held === 0 && world.refused.length === 0) await settled();
    meanwhile();
    wire.write('{}');
    return answer;
  });
}

const withBody = (quotas = {}): Bench =>
  bench((app) => app.post('/', { body: Type.Object({}) }, () => 'ran'), { quotas });

/** A call by gRPC whose message comes later, as the HTTP response that its trailers stand for. */
async function lateMessage(path: string): Promise<Reached[]> {
  const { client, close } = await rpcBench({}, { quotas: { bodies: [0, 0], streams: [0, 0] } as never });
  try {
    const same = (bytes: Buffer): Buffer => bytes;
    const call = client.makeBidiStreamRequest(path, same, same);
    const [{ metadata }] = (await once(call, 'error')) as [ServiceError];
    const [document] = metadata.get('x-multilane-problem-bin') as [Buffer];
    const fields = ['retry-after', 'x-multilane-executed', 'x-request-id'];
    const headers = Object.fromEntries(fields.map((name) => [name, String(metadata.get(name)[0])]));
    return [responseOf({ status: 503, headers: { ...headers, 'content-type': PROBLEM_JSON } }, document)];
  } finally {
    close();
  }
}

/** A second request of a client through the gateway while the instance keeps the first one waiting. */
async function besideOneBehindTheGateway(core: CoreUnderTest): Promise<Reached> {
  const upstreams = new RealUpstreams();
  const busy = latch();
  const port = await upstreams.serve(() => busy.open());
  const gateway = await startGateway({ core, endpoints: [endpoint('far', { port })], connections: 2 });
  try {
    const wires = [await Wire.open(gateway.url), await Wire.open(gateway.url)] as const;
    void wires[0].request('POST', '/svc/things/', [], 'body');
    await busy.opened;
    const refused = await wires[1].request('POST', '/svc/things/', [], 'body');
    for (const wire of wires) wire.destroy();
    return refused;
  } finally {
    await gateway.close();
    await upstreams.close();
  }
}

export const refused: readonly Way[] = [
  {
    title: 'a gRPC message beyond the limit of pending bodies',
    sites: ['src/server/grpc/rpc-arrival.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => lateMessage('/multilane.test.v1.Everything/Get'),
  },
  {
    title: 'a stream of health states beyond the limit of streams',
    sites: ['src/server/grpc/rpc-guard.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => lateMessage('/grpc.health.v1.Health/Watch'),
  },
  {
    title: 'a body beyond the limit of pending bodies',
    sites: ['src/server/body/body.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => onEachCore((core) => lateBody(core, withBody({ bodies: [0, 0] }), () => undefined)),
  },
  {
    title: 'a body that arrives when too many requests are in flight',
    sites: ['src/server/request-lifecycle.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () =>
      onEachCore((core) => {
        const world = withBody();
        return lateBody(core, world, () => {
          world.world.permits = 0;
        });
      }),
  },
  {
    title: 'a client that holds its share of the connections to an instance behind the gateway',
    sites: ['src/gateway/instance-shares.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => onEachCore(besideOneBehindTheGateway),
  },
  {
    title: 'a service whose database is not migrated',
    sites: ['src/server/pipeline.ts STARTING'],
    code: 'STARTING',
    executed: false,
    reach() {
      const { app } = bench(() => undefined);
      app.mount('late', (routes) => routes.get('/', () => 'ran'), { isReady: () => false });
      return everyWay(app);
    },
  },
  {
    title: 'a process without a share of a limit over several processes',
    sites: ['src/server/route-rate-limits.ts STARTING'],
    code: 'STARTING',
    executed: false,
    reach() {
      const cells = { take: () => NO_SHARE, peek: () => NO_SHARE };
      const rateLimits = { limit: () => cells, clusterLimit: () => cells };
      const rateLimit = { limit: '1/second', scope: 'cluster' } as const;
      const app = appWith({ rateLimits }, (routes) => routes.get('/', { rateLimit }, () => 'ran'));
      // A call from another service of the process would not be limited.
      return everyWay(app, '/', ['X-Any: field']);
    },
  },
  {
    title: 'more concurrent requests than MAX_IN_FLIGHT',
    sites: ['src/server/pipeline.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => besideOne({}, { maxInFlight: 1 }),
  },
  {
    title: 'a route whose bulkhead is full',
    sites: ['src/resilience/bulkhead-queue.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach: () => besideOne({ maxConcurrent: 1 }),
  },
  {
    title: 'a route that is switched off',
    sites: ['src/server/kill-switch.ts OVERLOADED'],
    code: 'OVERLOADED',
    executed: false,
    reach() {
      const block = Block.create({ workers: 1 });
      new TextPage(block).publish(writeSwitchedOff({ 'GET /': 30 }));
      const switchedOff = new TextPage(block);
      return everyWay(appWith({ switchedOff }, (routes) => routes.get('/', () => 'ran')));
    },
  },
  {
    title: 'a WebSocket handshake with a draining worker',
    sites: ['src/server/websocket/websocket-route.ts DRAINING'],
    code: 'DRAINING',
    executed: false,
    reach: () => onEachCore((core) => webSocket(core, () => true)),
  },
  {
    title: 'a WebSocket whose worker begins to drain during its upgrade',
    sites: ['src/server/websocket/websocket-route.ts DRAINING'],
    code: 'DRAINING',
    executed: true,
    reach: () =>
      onEachCore((core) => {
        let isDraining = false;
        const upgrade = async (): Promise<void> => {
          await settled();
          isDraining = true;
        };
        return webSocket(core, () => isDraining, upgrade);
      }),
  },
  {
    title: 'a process without a worker',
    sites: [
      'src/cluster/placeholder-listener.ts NO_WORKER',
      'src/cluster/uws-placeholder.ts 503',
      'src/cluster/node-placeholder.ts 503',
    ],
    code: 'NO_WORKER',
    executed: false,
    reach: () =>
      onEachCore(async ({ name }) => {
        const given = { tlsCertFile: undefined, tlsKeyFile: undefined, connections: UNCOUNTED };
        const listener = await openPlaceholder(name, { host: '127.0.0.1', ...given });
        try {
          const wire = await Wire.open(`http://127.0.0.1:${await listener.listen(0, 'exclusive')}`);
          return await wire.request('POST', '/anything', ['X-Request-Id: mine'], 'body');
        } finally {
          listener.close();
        }
      }),
  },
];

/** Probes: their 503 reports the status of this process, without a problem document but with Retry-After. */
export async function dataPlaneProbes(): Promise<Reached[]> {
  const state = { draining: () => true, ready: () => false };
  const { app } = bench((routes) => systemRoutes(routes, PROBE_PATHS, state, SYSTEM_ROUTE_OPTIONS));
  return [...(await everyWay(app, '/health')), ...(await everyWay(app, '/ready'))];
}
