// Tools that show the load of the process: what is wrong, routes, workers, the CPU pool, and why a worker is
// stalled.
import { Type } from '@sinclair/typebox';
import { counted } from '../../counted.js';
import { explainStall } from './explain-stall.js';
import { firstOf, itemsOf, limitOf, type McpTool, oneOf, text, tool } from './mcp-tool.js';

const SEVERITIES = ['critical', 'warning', 'info'] as const;
/** The orders of routes, as the plane calls them, each with the member that it sorts by. */
const ROUTE_ORDERS = {
  busiest: ['busy', 'perSecond'],
  errors: ['errors', 'errorsPerSecond'],
  slowest: ['p99', 'p99Ms'],
  stalls: ['stalls', 'stalls'],
  cpu: ['cpu', 'cpuRatio'],
} as const;
type RouteOrder = keyof typeof ROUTE_ORDERS;

interface Histogram {
  readonly edgesMs: readonly number[];
  readonly window: readonly number[];
  readonly total: readonly number[];
}

export const LOAD_TOOLS: readonly McpTool[] = [
  tool({
    name: 'overview',
    title: 'Overview',
    description:
      'Requests and errors per second, latency quantiles, saturation of every bounded resource, and what is wrong now. Call this first.',
    needs: ['/overview'],
    own: ['service', 'version', 'node', 'host', 'name'],
    input: {},
    run: async (_args, read) => ({
      note: 'The process over the last seconds.',
      data: await read('/overview'),
    }),
  }),
  tool({
    name: 'list_problems',
    title: 'Problems',
    description: 'What is wrong now, in words, most important first.',
    needs: ['/overview'],
    input: {
      severity: Type.Optional(oneOf(SEVERITIES, 'Only problems of this severity.')),
      limit: limitOf(100, 50),
    },
    async run({ severity, limit = 50 }, read) {
      const { problems } = (await read('/overview')) as { readonly problems?: unknown };
      const found = itemsOf(problems).filter((one) => severity === undefined || one.severity === severity);
      const { note, items } = firstOf(found, limit, 'problem');
      return { note: found.length === 0 ? 'Nothing is wrong.' : note, data: { items } };
    },
  }),
  tool({
    name: 'list_routes',
    title: 'Routes',
    description:
      'Routes with requests and errors per second, latency quantiles, CPU share and stalls. `sort` finds the slowest route, or the one that stalls workers.',
    needs: ['/routes'],
    own: ['method', 'route', 'service', 'docs'],
    input: {
      search: Type.Optional(text('A part of the method or the route template.')),
      sort: Type.Optional(
        oneOf(Object.keys(ROUTE_ORDERS) as RouteOrder[], 'The order; the default is busiest.'),
      ),
      limit: limitOf(200, 30),
    },
    async run({ search, sort = 'busiest', limit = 30 }, read) {
      const [order, member] = ROUTE_ORDERS[sort];
      const page = (await read('/routes', { search, sort: order, limit })) as {
        readonly nextCursor?: unknown;
      };
      const items = itemsOf(page);
      const more = typeof page.nextCursor === 'string' ? '; there are more' : '';
      return { note: `${counted(items.length, 'route')}, sorted by ${member}${more}.`, data: { items } };
    },
  }),
  tool({
    name: 'show_route',
    title: 'Route',
    description: 'The latency histogram and the response statuses of one route.',
    needs: ['/routes/histogram'],
    own: ['method', 'route'],
    input: { method: text('As in `GET`.', 32), route: text('The template, as in `/api/users/{id}`.', 1_000) },
    async run({ method, route }, read) {
      const shown = (await read('/routes/histogram', { method, route })) as Histogram;
      const { edgesMs, window, total, ...rest } = shown;
      // Most of the hundred cells are empty.
      const cells = total
        .map((count, at) => ({ upToMs: edgesMs[at] ?? null, window: window[at] ?? 0, total: count }))
        .filter((cell) => cell.total > 0);
      const note =
        'Responses of the window and since the start, by the cells of the histogram that have any.';
      return { note, data: { ...rest, cells } };
    },
  }),
  tool({
    name: 'list_workers',
    title: 'Workers',
    description:
      'Workers with their state, event loop, heap, connections, and the handler that occupies each of them.',
    needs: ['/workers'],
    own: ['route'],
    input: {},
    async run(_args, read) {
      const { note, items } = firstOf(itemsOf(await read('/workers')), 512, 'worker');
      return { note, data: { items } };
    },
  }),
  tool({
    name: 'show_flights',
    title: 'Requests of a worker',
    description: 'The latest requests of one worker, those in flight first, with their age and request id.',
    needs: ['/flights'],
    own: ['method', 'route'],
    input: {
      worker: Type.Integer({ minimum: 1, description: 'The id of the worker.' }),
      limit: limitOf(200, 50),
    },
    async run({ worker, limit = 50 }, read) {
      const { note, items } = firstOf(itemsOf(await read('/flights', { worker })), limit, 'request');
      return { note, data: { worker, items } };
    },
  }),
  tool({
    name: 'explain_stall',
    title: 'Why a worker is stalled',
    description:
      'Finds workers whose event loop is blocked now, the handler that blocks each, and the routes that have stalled workers before.',
    needs: ['/workers'],
    own: ['method', 'route', 'advice'],
    input: { worker: Type.Optional(Type.Integer({ minimum: 1, description: 'Only this worker.' })) },
    run: ({ worker }, read) => explainStall(read, worker),
  }),
  tool({
    name: 'cpu_pool',
    title: 'CPU pool',
    description: 'Threads, queue and tasks of the CPU pool, and the share of CPU time of each route.',
    needs: ['/cpu'],
    own: ['service', 'task', 'route'],
    input: {},
    run: async (_args, read) => ({ note: 'The CPU pool now.', data: await read('/cpu') }),
  }),
];
