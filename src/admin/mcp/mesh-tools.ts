// Tools that show other services and the means against their failures: instances, calls, breakers, limits.
import { Type } from '@sinclair/typebox';
import { firstOf, itemsOf, limitOf, type McpTool, oneOf, pathSegment, text, tool } from './mcp-tool.js';

const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;

export const MESH_TOOLS: readonly McpTool[] = [
  tool({
    name: 'list_services',
    title: 'Services',
    description: 'Services with the states of their instances, and the calls to each.',
    needs: ['/services'],
    input: { limit: limitOf(500, 100) },
    async run({ limit = 100 }, read) {
      const { note, items } = firstOf(itemsOf(await read('/services')), limit, 'service');
      return { note, data: { items } };
    },
  }),
  tool({
    name: 'show_service',
    title: 'Instances of a service',
    description: 'The instances of one service: state, weight, calls in flight, latency, ejections.',
    needs: ['/registry/v1/services/:service'],
    input: {
      service: text('The name of the service.', 64),
      state: Type.Optional(text('Only instances in this state, as in `ejected`.', 32)),
      limit: limitOf(200, 50),
    },
    async run({ service, state, limit = 50 }, read) {
      const path = `/registry/v1/services/${pathSegment(service)}`;
      const { instances } = (await read(path)) as { readonly instances?: unknown };
      const found = itemsOf(instances).filter((one) => state === undefined || one.state === state);
      const { note, items } = firstOf(found, limit, 'instance');
      return { note, data: { service, items } };
    },
  }),
  tool({
    name: 'list_calls',
    title: 'Calls between services',
    description: 'Who calls whom, from calls that were observed: rates, errors and p99 of each pair.',
    needs: ['/calls'],
    input: {},
    run: async (_args, read) => ({ note: 'Observed calls.', data: await read('/calls') }),
  }),
  tool({
    name: 'list_breakers',
    title: 'Circuit breakers',
    description:
      'Breakers with their state, and what their window or their probes show: why one is open. Those that are not closed come first.',
    needs: ['/breakers'],
    input: {
      service: Type.Optional(text('Only breakers of this service.', 64)),
      state: Type.Optional(oneOf(BREAKER_STATES, 'Only breakers in this state.')),
      limit: limitOf(200, 50),
    },
    async run({ service, state, limit = 50 }, read) {
      const found = itemsOf(await read('/breakers')).filter(
        (one) =>
          (service === undefined || one.service === service) && (state === undefined || one.state === state),
      );
      const isUnusual = (one: Readonly<Record<string, unknown>>): boolean =>
        one.state !== 'closed' || one.forced === true;
      const unusual = found.filter(isUnusual);
      const { note, items } = firstOf(
        [...unusual, ...found.filter((one) => !isUnusual(one))],
        limit,
        'breaker',
      );
      return { note: `${note} ${unusual.length} of them are open, half-open or forced.`, data: { items } };
    },
  }),
  tool({
    name: 'show_limits',
    title: 'Limits',
    description: 'What bounds the work of the process, how much of it is used, and how often it has refused.',
    needs: ['/limits'],
    // Names of limits may be made at run time, from what a client has sent.
    own: ['limit', 'default', 'scope'],
    input: {},
    run: async (_args, read) => ({ note: 'Limits and their use now.', data: await read('/limits') }),
  }),
];
