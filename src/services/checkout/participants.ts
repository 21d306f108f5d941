// The calls of the saga's steps to the services that take part: forward call, undo, lookup by key.
import { BusinessError, type CallOptions, type CallResponse, HttpError, type SagaContext } from 'multilane';

/** Error codes that are not a decision of the called service, so a repetition may succeed. */
const NOT_FINAL = new Set([
  'IDEMPOTENCY_IN_PROGRESS',
  'STEP_CANCELLED',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
]);

/** What a step passes on of its context, whatever the results of its saga are. */
type Step = Omit<SagaContext, 'results'>;

interface Created {
  readonly id: number;
}

/**
 * Makes the forward call under the step's key and returns the created object.
 * @throws BusinessError when the refusal of the service is final; HttpError when the outcome is unknown
 */
export async function perform(ctx: Step, service: string, path: string, json: unknown): Promise<Created> {
  const options = { ...stepOptions(ctx), json, idempotencyKey: ctx.key };
  return accepted(await ctx.call(service).post(path, options)).json<Created>();
}

/** Undoes the step's forward call, or prevents a late one. Repeating it changes nothing. */
export async function undo(ctx: Step, service: string, path: string): Promise<void> {
  const options = { ...stepOptions(ctx), json: { key: forwardKey(ctx) }, idempotencyKey: ctx.key };
  accepted(await ctx.call(service).post(path, options));
}

/** The object that the step's forward call created; undefined when it did not happen or was refused. */
export async function findCreated(ctx: Step, service: string, path: string): Promise<Created | undefined> {
  const response = await ctx
    .call(service)
    .get(path, { ...stepOptions(ctx), query: { key: forwardKey(ctx) } });
  if (response.status === 404 && problemOf(response).code === 'NOT_FOUND') return undefined;
  const stored = accepted(response).json<{ status: number; body: Created }>();
  return stored.status < 300 ? stored.body : undefined;
}

/** The key of the forward call, also inside its compensation. */
const forwardKey = (ctx: Step): string => ctx.key.replace(/\/undo$/, '');

/** The calls are not retried, because the saga retries its steps: retries of both would multiply the load. */
const stepOptions = (ctx: Step): CallOptions => ({
  retries: 0,
  signal: ctx.signal,
  timeoutMs: Math.max(1, ctx.deadline.remainingMs()),
});

interface Problem {
  readonly code?: unknown;
  readonly detail?: unknown;
}

/** @throws BusinessError for a final refusal, HttpError for any other failure */
function accepted(response: CallResponse): CallResponse {
  const { status } = response;
  if (status >= 200 && status < 300) return response;
  const { code, detail } = problemOf(response);
  const message = typeof detail === 'string' ? detail : `The response has status ${status}.`;
  if (typeof code !== 'string') throw new HttpError('BAD_UPSTREAM', message);
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429 && !NOT_FINAL.has(code);
  throw isFinal ? new BusinessError(code, message, { status }) : new HttpError(code, message, { status });
}

/** The members of a problem document (RFC 9457) that identify a refusal; none for any other response. */
function problemOf(response: CallResponse): Problem {
  if (!response.headers['content-type']?.startsWith('application/problem+json')) return {};
  return response.json<Problem | null>() ?? {};
}
