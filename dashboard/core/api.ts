// Requests to the admin plane. Every failure is an ApiError with a text for the operator.
import { refused, session } from './session.js';

export class ApiError extends Error {
  /** 0 when no response came. */
  readonly status: number;
  readonly code: string;
  readonly traceId: string | null;
  readonly retryAfterS: number | null;

  constructor(
    message: string,
    {
      status = 0,
      code = 'UNREACHABLE',
      traceId = null,
      retryAfterS = null,
    }: Partial<Pick<ApiError, 'status' | 'code' | 'traceId' | 'retryAfterS'>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.traceId = traceId;
    this.retryAfterS = retryAfterS;
  }
}

/** Milliseconds after which a response that is not complete is not waited for any more. */
const DEADLINE_MS = 10_000;

export interface RequestOptions {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  readonly accept?: string;
}

/**
 * Has no deadline of its own: see `read` and `command`.
 * @throws ApiError for every response but a successful one; the reason of `signal` when it aborts
 */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const { method = 'GET', body, signal, accept = 'application/json' } = options;
  const { token } = session.value;
  const headers: Record<string, string> = { accept };
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw interrupted(signal, error, new ApiError('The process cannot be reached.'));
  }
  if (response.ok) return response;
  if (response.status === 401) refused(token);
  throw await errorOf(response);
}

/**
 * @param signal of the page that reads; its reason is thrown when it aborts
 * @param deadlineMs for all of the response
 * @throws ApiError also when the response is not there in time
 */
export async function read<Json>(
  path: string,
  signal?: AbortSignal,
  deadlineMs = DEADLINE_MS,
): Promise<Json> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const either = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  const response = await send(path, { signal: either });
  return parsed<Json>(response, either);
}

/**
 * Sends a command and returns its result; undefined for a response without a body.
 * @throws ApiError with the code TIMEOUT when there is no response in time, though it may have been carried out
 */
export async function command<Json>(
  method: 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Json | undefined> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const response = await send(path, { method, body, signal });
  return response.status === 204 ? undefined : parsed<Json>(response, signal);
}

async function parsed<Json>(response: Response, signal: AbortSignal): Promise<Json> {
  try {
    return (await response.json()) as Json;
  } catch (error) {
    const { status } = response;
    const text = 'The response of the process was interrupted or is no JSON.';
    throw interrupted(signal, error, new ApiError(text, { status, code: 'BAD_RESPONSE' }));
  }
}

/**
 * Returns what to throw when a request has failed.
 * @param error of the request; it is the reason of the signal when that has aborted it
 * @param failure when nothing has aborted it
 */
function interrupted(signal: AbortSignal | undefined, error: unknown, failure: ApiError): Error {
  if (signal?.aborted !== true || !(error instanceof Error)) return failure;
  return error.name === 'TimeoutError'
    ? new ApiError('The process has not responded in time.', { code: 'TIMEOUT' })
    : error;
}

interface ProblemDocument {
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly code?: unknown;
  readonly traceId?: unknown;
  readonly errors?: readonly { readonly path?: unknown; readonly message?: unknown }[];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const document = await response.json().then(
    (json: unknown) => (typeof json === 'object' && json !== null ? (json as ProblemDocument) : {}),
    (): ProblemDocument => ({}),
  );
  const { title, detail, code, traceId, errors } = document;
  const fields = Array.isArray(errors)
    ? errors.map((one) => `${textOf(one.path)} ${textOf(one.message)}`).join('; ')
    : '';
  const text = [fields, textOf(detail), textOf(title)].find((one) => one !== '');
  const seconds = Number(response.headers.get('retry-after') ?? 'NaN');
  return new ApiError(text ?? `The process responded with ${status}.`, {
    status,
    code: typeof code === 'string' ? code : `HTTP_${status}`,
    traceId: typeof traceId === 'string' ? traceId : null,
    retryAfterS: Number.isFinite(seconds) ? seconds : null,
  });
}

/** A path with its parameters; those without a value are omitted. */
export function pathOf(path: string, query: Readonly<Record<string, string | number | undefined>>): string {
  const text = new URLSearchParams(
    Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  ).toString();
  return text === '' ? path : `${path}?${text}`;
}
