// The routes of sagas: listing them, and the operator's actions on one. They cover the journals of all
// mounted services.
import type { SagaOperator } from '../saga/operator.js';
import type { AdminRequest, AdminRoute } from './admin-route.js';
import { BodyFields } from './body-fields.js';
import { wholeNumberIn } from './query-number.js';

/** @param operator called per request, because the journals exist only when the databases are ready */
export function sagaRoutes(operator: () => SagaOperator): readonly AdminRoute[] {
  const idOf = ({ params }: AdminRequest): string => params.id ?? '';
  const action = (name: 'retry' | 'compensate'): AdminRoute => ({
    method: 'POST',
    path: `/sagas/:id/${name}`,
    handler: async (request) => ({ status: 200, json: await operator()[name](idOf(request)) }),
  });
  return [
    {
      method: 'GET',
      path: '/sagas',
      query: ['saga', 'status', 'limit', 'cursor'],
      handler: async ({ query }) => {
        const text = (name: string): Record<string, string> => {
          const value = query.get(name);
          return value === null ? {} : { [name]: value };
        };
        const limit = query.get('limit');
        const page = await operator().list({
          ...text('saga'),
          ...text('status'),
          ...text('cursor'),
          ...(limit === null ? {} : { limit: wholeNumberIn(limit) }),
        });
        return { status: 200, json: page };
      },
    },
    {
      method: 'GET',
      path: '/sagas/:id',
      query: ['include'],
      handler: async (request) => {
        const sagaId = idOf(request);
        const view = await operator().get(sagaId);
        if (request.query.get('include') !== 'input') return { status: 200, json: view };
        return { status: 200, json: { ...view, input: await operator().inputOf(sagaId) } };
      },
    },
    action('retry'),
    action('compensate'),
    {
      method: 'POST',
      path: '/sagas/:id/skip',
      handler: async (request) => ({
        status: 200,
        json: await operator().skip(idOf(request), resultOf(request.body)),
      }),
    },
  ];
}

/** @throws ValidationError */
function resultOf(body: unknown): unknown {
  if (body === undefined) return undefined;
  const fields = new BodyFields(body, ['result']);
  return fields.checked(fields.optional('result', 'must be JSON', () => true));
}
