// The JSON Schema of problem documents (RFC 9457), which src/problem.ts writes.

export const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId'],
  properties: {
    type: { type: 'string', description: '`urn:multilane:problem:` and the code in kebab case.' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', description: '`urn:multilane:request:` and the `x-request-id`.' },
    code: { type: 'string', description: 'The stable code for programs: it never changes.' },
    traceId: { type: 'string' },
    executed: {
      type: 'boolean',
      description: 'On every 503: whether the handler ran. See the field `x-multilane-executed`.',
    },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: {
          path: { type: 'string', description: 'A JSON Pointer.' },
          message: { type: 'string' },
        },
      },
    },
  },
} as const;
