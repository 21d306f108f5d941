// The messages of JSON-RPC 2.0 (https://www.jsonrpc.org/specification) as the Model Context Protocol uses
// them: one message in each request, ids that are not null, and parameters by name.

export type RpcId = string | number;

export type Message =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: Params }
  /** A notification, or the response to a request, which this server never sends. Neither gets a response. */
  | { readonly kind: 'one-way' }
  | { readonly kind: 'invalid'; readonly id: RpcId | null; readonly reason: string };

export type Params = Readonly<Record<string, unknown>>;

export const INVALID_REQUEST = -32_600;
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;

/** A failure that becomes the `error` of a response. */
export class RpcFailure extends Error {
  override readonly name = 'RpcFailure';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

export const resultMessage = (id: RpcId, result: unknown) => ({ jsonrpc: '2.0', id, result });

export const errorMessageOf = (id: RpcId | null, code: number, message: string, data?: unknown) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message, ...(data !== undefined && { data }) },
});

const isObject = (value: unknown): value is Params =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is RpcId =>
  typeof value === 'string' ? value.length <= 256 : Number.isSafeInteger(value);

export function messageIn(body: unknown): Message {
  const invalid = (reason: string, id: unknown = null): Message => ({
    kind: 'invalid',
    id: isId(id) ? id : null,
    reason,
  });
  if (Array.isArray(body)) return invalid('batches are not part of this revision: send one message');
  if (!isObject(body)) return invalid('the body must be one JSON-RPC message');
  const { jsonrpc, id, method, params = {} } = body;
  if (jsonrpc !== '2.0') return invalid('"jsonrpc" must be "2.0"', id);
  const isResponse = method === undefined && ('result' in body || 'error' in body);
  if (isResponse) return { kind: 'one-way' };
  if (typeof method !== 'string') return invalid('"method" must be a string', id);
  if (!isObject(params)) return invalid('"params" must be an object', id);
  if (!('id' in body)) return { kind: 'one-way' };
  if (!isId(id)) return invalid('"id" must be a whole number or a string of at most 256 characters');
  return { kind: 'request', id, method, params };
}
