// Tools that show sagas. Inputs and results may hold what customers have typed, so they are shown only on
// request, and marked.
import { Type } from '@sinclair/typebox';
import { counted } from '../../counted.js';
import { itemsOf, limitOf, type McpTool, oneOf, pathSegment, text, tool } from './mcp-tool.js';
import type { Read } from './plane-reader.js';

const STATUSES = [
  'running',
  'waiting',
  'completed',
  'compensating',
  'compensated',
  'needs-attention',
] as const;
/** The statuses of sagas that have failed or are failing, most important first. */
const FAILING = ['needs-attention', 'compensating', 'compensated'] as const;

const including = <Part extends string>(...parts: readonly Part[]) =>
  Type.Optional(Type.Array(oneOf(parts, 'A part that is otherwise left out.'), { maxItems: parts.length }));

export const SAGA_TOOLS: readonly McpTool[] = [
  tool({
    name: 'list_sagas',
    title: 'Sagas',
    description: 'Sagas, newest first, by name and status. `cursor` continues a list.',
    needs: ['/sagas'],
    own: ['saga', 'name'],
    input: {
      saga: Type.Optional(text('The name of the saga, as in `checkout`.')),
      status: Type.Optional(oneOf(STATUSES, 'Only sagas of this status.')),
      limit: limitOf(100, 20),
      cursor: Type.Optional(text('`nextCursor` of the page before.', 400)),
      include: including('input'),
    },
    async run({ saga, status, limit = 20, cursor, include = [] }, read) {
      const page = (await read('/sagas', { saga, status, limit, cursor })) as {
        readonly nextCursor?: unknown;
      };
      const items = itemsOf(page).map((one) => without(one, include));
      return {
        note: `${counted(items.length, 'saga')}, newest first.`,
        data: { items, nextCursor: page.nextCursor },
      };
    },
  }),
  tool({
    name: 'failing_sagas',
    title: 'Failing sagas',
    description:
      'Sagas that need an operator, then those that compensate and those that have compensated, each with the step that failed and its error.',
    needs: ['/sagas', '/sagas/:id'],
    own: ['saga', 'name'],
    input: { saga: Type.Optional(text('The name of the saga.')), limit: limitOf(30, 10) },
    async run({ saga, limit = 10 }, read) {
      const found: Readonly<Record<string, unknown>>[] = [];
      for (const status of FAILING) {
        const left = limit - found.length;
        if (left > 0) found.push(...itemsOf(await read('/sagas', { saga, status, limit: left })));
      }
      const items: unknown[] = [];
      for (const one of found) items.push({ ...without(one, []), ...(await failureOf(one, read)) });
      const stuck = found.filter(({ status }) => status === 'needs-attention').length;
      return {
        note: `${counted(items.length, 'saga')}; ${stuck} of them ${stuck === 1 ? 'needs' : 'need'} an operator (retry, compensate or skip on the admin plane).`,
        data: { items },
      };
    },
  }),
  tool({
    name: 'show_saga',
    title: 'Saga',
    description: 'One saga: its steps, attempts, compensations and errors.',
    needs: ['/sagas/:id'],
    own: ['saga', 'name'],
    input: { sagaId: text('The id of the saga.', 128), include: including('input', 'results') },
    async run({ sagaId, include = [] }, read) {
      const query = { include: include.includes('input') ? 'input' : undefined };
      const saga = await read(`/sagas/${pathSegment(sagaId)}`, query);
      return { note: 'One saga.', data: without(saga as Readonly<Record<string, unknown>>, include) };
    },
  }),
];

/** The saga without its input and its results, except for those that are included. */
function without(saga: Readonly<Record<string, unknown>>, include: readonly string[]): object {
  return Object.fromEntries(
    Object.entries(saga).filter(
      ([name]) => (name !== 'input' && name !== 'results') || include.includes(name),
    ),
  );
}

async function failureOf({ sagaId }: Readonly<Record<string, unknown>>, read: Read): Promise<object> {
  const saga = (await read.optional(`/sagas/${pathSegment(String(sagaId))}`)) as
    | { readonly error?: unknown; readonly steps?: unknown }
    | undefined;
  const steps = itemsOf(saga?.steps).filter(({ error, status }) => error !== null || status === 'running');
  return { error: saga?.error ?? null, failedSteps: steps };
}
