// What every error answer looks like (RFC 9457; problem-response.ts writes it).

export const PROBLEM_SCHEMA = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'traceId'],
  properties: {
    type: { type: 'string', description: '`urn:multilane:problem:` and the code in kebab case.' },
    title: { type: 'string' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    detail: { type: 'string' },
    instance: { type: 'string', description: '`urn:multilane:request:` and the `x-request-id`.' },
    code: { type: 'string', description: 'What programs look at: it never changes.' },
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
