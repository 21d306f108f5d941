// Tools that show traces, settings and switches of the process.
import { Type } from '@sinclair/typebox';
import { counted } from '../../counted.js';
import { firstOf, itemsOf, limitOf, type McpTool, oneOf, text, tool } from './mcp-tool.js';

export const PROCESS_TOOLS: readonly McpTool[] = [
  tool({
    name: 'list_traces',
    title: 'Traces',
    description:
      'Recent sampled traces of this process, newest first. With isIncomplete, some spans of a trace may not be here.',
    needs: ['/traces'],
    input: {
      route: Type.Optional(text('Only traces of this route template.', 1_000)),
      status: Type.Optional(oneOf(['error', 'ok'], 'Only traces that failed, or that did not.')),
      minMs: Type.Optional(Type.Number({ minimum: 0, description: 'Only traces that lasted this long.' })),
      search: Type.Optional(text('A trace id, or a part of the name.')),
      limit: limitOf(100, 20),
    },
    async run({ limit = 20, ...query }, read) {
      const page = (await read('/traces', { ...query, limit })) as Readonly<Record<string, unknown>>;
      const isOff = page.isRecording === false;
      const note = `${counted(itemsOf(page).length, 'trace')}, newest first.${isOff ? ' No trace is recorded now.' : ''}`;
      return { note, data: page };
    },
  }),
  tool({
    name: 'show_trace',
    title: 'Trace',
    description: 'The spans of one trace. With isIncomplete, it may have others, which are not here.',
    needs: ['/traces/:traceId'],
    input: { traceId: Type.String({ pattern: '^[0-9a-f]{32}$', description: '32 hexadecimal digits.' }) },
    run: async ({ traceId }, read) => ({ note: 'One trace.', data: await read(`/traces/${traceId}`) }),
  }),
  tool({
    name: 'list_settings',
    title: 'Settings',
    description:
      'Settings in effect, where each comes from, its default and its meaning. Secrets are masked.',
    needs: ['/settings'],
    own: ['name', 'value', 'source', 'default', 'meaning'],
    input: { search: Type.Optional(text('A part of the name.', 100)), limit: limitOf(300, 300) },
    async run({ search = '', limit = 300 }, read) {
      const sought = search.toUpperCase();
      const found = itemsOf(await read('/settings')).filter(({ name }) => String(name).includes(sought));
      const { note, items } = firstOf(found, limit, 'setting');
      return { note, data: { items } };
    },
  }),
  tool({
    name: 'show_switches',
    title: 'Switches',
    description: 'What operators have switched in the running process: log level, share of traces, routes.',
    needs: ['/switches'],
    own: ['level', 'setting', 'sampler', 'service', 'method', 'route'],
    input: {},
    run: async (_args, read) => ({ note: 'Switches in effect.', data: await read('/switches') }),
  }),
];
