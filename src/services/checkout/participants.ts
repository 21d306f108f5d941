// How the steps speak to the services that take part: forward call, undo, query by key.
import { BusinessError, type CallOptions, type CallResponse, HttpError, type SagaContext } from 'multilane';

/** Refusals that say nothing about the business: asking again may well succeed. */
const NOT_FINAL = new Set([
  'IDEMPOTENCY_IN_PROGRESS',
  'STEP_CANCELLED',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
]);

interface Created {
  readonly id: number;
}

/**
 * Does the forward effect under the step's key and returns what was created.
 * @throws BusinessError when the service refuses for good; HttpError when the outcome is unknown
 */
export async function perform(
  ctx: SagaContext,
  service: string,
  path: string,
  json: unknown,
): Promise<Created> {
  const options = { ...within(ctx), json, idempotencyKey: ctx.key };
  return accepted(await ctx.call(service).post(path, options)).json<Created>();
}

/** Undoes the step's forward call, or keeps a late one from happening. Repeating it changes nothing. */
export async function undo(ctx: SagaContext, service: string, path: string): Promise<void> {
  const options = { ...within(ctx), json: { key: forwardKey(ctx) }, idempotencyKey: ctx.key };
  accepted(await ctx.call(service).post(path, options));
}

/** What the step's forward call created, undefined when it did not happen, or was refused. */
export async function findCreated(
  ctx: SagaContext,
  service: string,
  path: string,
): Promise<Created | undefined> {
  const answer = await ctx.call(service).get(path, { ...within(ctx), query: { key: forwardKey(ctx) } });
  if (answer.status === 404 && problemOf(answer).code === 'NOT_FOUND') return undefined;
  const outcome = accepted(answer).json<{ status: number; body: Created }>();
  return outcome.status < 300 ? outcome.body : undefined;
}

/** The key of the forward call, also inside its compensation. */
const forwardKey = (ctx: SagaContext): string => ctx.key.replace(/\/undo$/, '');

/** No retries below the saga's own: attempts that multiply are how an overload spreads. */
const within = (ctx: SagaContext): CallOptions => ({
  retries: 0,
  signal: ctx.signal,
  timeoutMs: Math.max(1, ctx.deadline.remainingMs()),
});

interface Problem {
  readonly code?: unknown;
  readonly detail?: unknown;
}

function accepted(answer: CallResponse): CallResponse {
  const { status } = answer;
  if (status >= 200 && status < 300) return answer;
  const { code, detail } = problemOf(answer);
  const message = typeof detail === 'string' ? detail : `answered ${status}`;
  if (typeof code !== 'string') throw new HttpError('BAD_UPSTREAM', message);
  const final = status >= 400 && status < 500 && status !== 408 && status !== 429 && !NOT_FINAL.has(code);
  throw final ? new BusinessError(code, message, { status }) : new HttpError(code, message, { status });
}

/** The members of a problem document (RFC 9457) that tell refusals apart; none for any other answer. */
function problemOf(answer: CallResponse): Problem {
  if (!answer.headers['content-type']?.startsWith('application/problem+json')) return {};
  return answer.json<Problem | null>() ?? {};
}
