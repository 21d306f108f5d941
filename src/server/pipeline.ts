// The path of a request to its one response: refusal or steps, handler, and the value or the failure that
// becomes the response. It is synchronous as long as everything in it is, so a plain value costs no promise.
import { performance } from 'node:perf_hooks';
import { types } from 'node:util';
import { HttpError, UnavailableError } from '../errors.js';
import { OwnContext, runInScope } from '../scope.js';
import { toError } from '../telemetry/to-error.js';
import { bodyTooLarge, clientClosed } from './body/body.js';
import { BodyWait } from './body/body-wait.js';
import { isResponse, isWebStream } from './fetch/fetch-classes.js';
import { checkedResponse, fetchFailure } from './fetch/fetch-handler.js';
import { releaseUnsent, sendResponse } from './fetch/send-response.js';
import { SENT } from './handler.js';
import { SWITCHED_OFF } from './kill-switch.js';
import { problemOf } from './problem-response.js';
import { adopted, isPromise } from './promise.js';
import type { RequestContext } from './request-context.js';
import { isDeclared } from './responders.js';
import { UnsendableError } from './response/unsendable.js';
import { chargeRates } from './route-rate-limits.js';
import { ServerRefusal } from './server-refusal.js';
import { TakenResponse } from './taken-response.js';

/** Created once, because a refusal has to be cheap and each new error costs a stack trace. */
const OVERLOADED = new UnavailableError('OVERLOADED', 'Too many requests are in flight.');

/**
 * Serves one request. A failure becomes a response and, if it is a fault of the server, a log line. It throws
 * only where the stack is too full for that, so never at the bottom of the stack. The request ends all the
 * same: with a heartbeat (`App.endCutOff`).
 */
export function serve(ctx: RequestContext): void {
  ctx.begin();
  // What a called service enters in storages of its own is nothing to its caller.
  if (ctx.inProcess) ctx.server.enteredStores.runApart(admitOrRefuseInScope, ctx);
  else admitOrRefuseInScope(ctx);
  ctx.leaveStack();
}

const admitOrRefuseInScope = (ctx: RequestContext): void => runInScope(ctx, admitOrRefuse);

function admitOrRefuse(ctx: RequestContext): void {
  let refusal: unknown;
  try {
    refusal = refusalOf(ctx);
  } catch (thrown) {
    refusal = toError(thrown);
  }
  if (refusal === undefined) execute(ctx);
  else if (refusal === OVERLOADED && ctx.holdMs > 0) ctx.delayRefusal(() => refuse(ctx, refusal));
  else refuse(ctx, refusal);
}

/** Decides on everything that can be refused before code of the service runs. */
function refusalOf(ctx: RequestContext): HttpError | undefined {
  const { plan } = ctx;
  const switchedOff = plan.killSwitch?.refusal();
  if (switchedOff !== undefined) {
    ctx.server.refused('switched_off');
    return switchedOff;
  }
  if (!plan.ready()) return new UnavailableError('STARTING', 'The service is starting.');
  if (!ctx.admit()) return OVERLOADED;
  if (plan.rateChecks.length > 0 && !ctx.isPeer) {
    const tooMany = chargeRates(plan.rateChecks, ctx);
    if (tooMany !== undefined) return tooMany;
  }
  if (ctx.contentLength > plan.bodyLimit) return bodyTooLarge(plan.bodyLimit);
  if (ctx.isChunked && plan.chunked === 'reject') {
    return new ServerRefusal('LENGTH_REQUIRED', 'Send the body with a Content-Length.');
  }
  if (ctx.request.timeoutMs <= 0)
    return new HttpError('DEADLINE_EXCEEDED', 'The deadline of the request has passed.');
  return undefined;
}

/**
 * Responds with a refusal. No onError hook runs, because no hook has seen the request; some set fields on it.
 */
function refuse(ctx: RequestContext, error: unknown): void {
  try {
    const problem = problemOf(error, ctx);
    const { fault } = problem;
    if (fault !== undefined)
      ctx.server.log.error({ err: fault, route: ctx.route }, 'a request could not be admitted');
    if (error instanceof HttpError) countRefusal(ctx, error);
    for (const setFields of ctx.plan.refusalFields) setFields(ctx as never);
    const isSwitchedOff = ctx.plan.killSwitch?.hasRefused(error) === true;
    ctx.response.replyProblem(isSwitchedOff ? { ...problem, code: SWITCHED_OFF } : problem);
  } catch (thrown) {
    failedTwice(ctx, thrown);
  }
  ctx.handlerDone();
}

function execute(ctx: RequestContext): void {
  const { meter } = ctx;
  const before = meter.enter(ctx.startedAt);
  try {
    proceed(ctx, 0);
  } finally {
    meter.leave(before);
  }
}

/** Finishes the step that has waited for the body, and goes on with the step `index`. */
function resume(ctx: RequestContext, wait: BodyWait, index: number): void {
  const { meter } = ctx;
  const before = meter.enter(performance.now());
  try {
    proceed(ctx, index, wait);
  } finally {
    meter.leave(before);
  }
}

/**
 * Runs the steps from `index` on, and takes their result. What serializes and sends it counts as code of the
 * route as well.
 * @param wait a step that has waited for the body and is to be finished before
 */
function proceed(ctx: RequestContext, index: number, wait?: BodyWait): void {
  let result: unknown;
  try {
    wait?.take();
    result = run(ctx, index);
  } catch (error) {
    failed(ctx, error);
    return;
  }
  settle(ctx, result);
}

/** @returns the response, a promise of Node.js for it, or WAITING */
function run(ctx: RequestContext, index: number): unknown {
  const result = index === ctx.plan.steps.length ? handle(ctx) : advance(ctx, index);
  return isPromise(result) ? adopted(result) : result;
}

/** @param result of `run` */
function settle(ctx: RequestContext, result: unknown): void {
  // Unlike `instanceof`, this asks no code of the value.
  if (!types.isPromise(result)) {
    conclude(ctx, result);
    return;
  }
  ctx.detach();
  result.then(
    (value) => conclude(ctx, value),
    (error: unknown) => failed(ctx, ctx.fetched === undefined ? error : fetchFailure(ctx.fetched, error)),
  );
}

/** The request goes on when its body has arrived. */
const WAITING = Symbol('waiting for the body');

/** Runs the steps from `index` on, then the handler. The first value other than undefined is the response. */
function advance(ctx: RequestContext, index: number): unknown {
  const { steps } = ctx.plan;
  for (let i = index; i < steps.length; i++) {
    const result = steps[i]!(ctx);
    if (isNothing(ctx, result)) {
      if (ctx.hasResponse) warnOfUnreturnedResponse(ctx);
      continue;
    }
    if (result instanceof BodyWait) {
      const context = new OwnContext();
      result.start(
        () => context.enter(resume, ctx, result, i + 1),
        (error) => context.enter(bodyFailed, ctx, error),
      );
      return WAITING;
    }
    if (!isPromise(result)) return result;
    return adopted(result).then((value: unknown) => {
      if (!isNothing(ctx, value)) return value;
      if (ctx.hasResponse) warnOfUnreturnedResponse(ctx);
      return advance(ctx, i + 1);
    });
  }
  return handle(ctx);
}

function bodyFailed(ctx: RequestContext, error: unknown): void {
  // A hook has responded without the body, so nothing has failed.
  if (ctx.hasFullResponse) {
    ctx.handlerDone();
    return;
  }
  if (ctx.exchange.closed && !ctx.isAborted) ctx.abort(clientClosed());
  failed(ctx, error);
}

/**
 * Warns once for each route: only a returned value ends the chain, which the author of the hook may not know.
 */
function warnOfUnreturnedResponse(ctx: RequestContext): void {
  const { method, route, plan, server } = ctx;
  if (ctx.isAborted || server.warnedRoutes.has(plan)) return;
  server.warnedRoutes.add(plan);
  const message =
    'a hook responded and returned nothing, so the handler runs all the same: return the response';
  server.log.warn({ service: plan.service, method, route }, message);
}

function handle(ctx: RequestContext): unknown {
  ctx.handlerCalled();
  return ctx.plan.handler(ctx as never);
}

function conclude(ctx: RequestContext, value: unknown): void {
  if (value === WAITING) return;
  if (value instanceof TakenResponse) {
    if (!value.isOver) ctx.detach();
    value.whenOver(
      () => conclude(ctx, undefined),
      (error) => failed(ctx, error),
    );
    return;
  }
  try {
    respond(ctx, ctx.fetched === undefined ? value : checkedResponse(ctx, ctx.fetched, value));
  } catch (error) {
    failed(ctx, error);
    return;
  }
  ctx.handlerDone();
}

/** Ends a request that has failed. Never throws, even when reading what was thrown throws again. */
function failed(ctx: RequestContext, error: unknown): void {
  try {
    const hooks = fail(ctx, error);
    if (hooks !== undefined) {
      hooks.catch((thrown: unknown) => failedTwice(ctx, thrown)).finally(() => ctx.handlerDone());
      return;
    }
  } catch (thrown) {
    failedTwice(ctx, thrown);
  }
  ctx.handlerDone();
}

/** Reports that a failure cannot be described, because reading it throws. Never throws. */
function failedTwice(ctx: RequestContext, thrown: unknown): void {
  try {
    const error = new Error('a failure cannot be described', { cause: toError(thrown) });
    if (ctx.hasResponse)
      ctx.log.error({ err: error, route: ctx.route }, 'a handler failed after its response');
    else respondWithFailure(ctx, error);
  } catch (again) {
    ctx.response.breakDown(again);
  }
}

/** Responds with a value. @throws Error for a value that cannot be sent */
function respond(ctx: RequestContext, value: unknown): void {
  if (ctx.hasResponse) {
    if (typeof value === 'object' && value !== null) releaseUnsent(ctx.response, value);
    return;
  }
  if (value === SENT) throw new Error('a responder of another request was returned');
  if (isNothing(ctx, value)) {
    ctx.checkBody(undefined);
    ctx.response.reply(ctx.response.chosenStatus ?? 204, undefined, null);
  } else if (typeof value === 'object' && value !== null && respondWithObject(ctx, value)) {
    return;
  } else if (typeof value === 'string' && !isDeclared(ctx.response)) {
    ctx.text(value);
  } else {
    ctx.json(value);
  }
}

/** @returns false for an object that becomes JSON */
function respondWithObject(ctx: RequestContext, value: object): boolean {
  if (isResponse(value)) sendResponse(ctx.response, value);
  else if (isDeclared(ctx.response)) return false;
  else if (types.isUint8Array(value)) ctx.bytes(value);
  else if (isWebStream(value)) ctx.stream(value);
  else return false;
  return true;
}

/** Lets the onError hooks respond, the innermost first; otherwise the failure becomes the response. */
function fail(ctx: RequestContext, thrown: unknown): void | Promise<void> {
  const error = thrownResponse(ctx, thrown) ?? toError(thrown);
  countRefusal(ctx, error);
  if (ctx.hasResponse) {
    // A handler that throws because it was told to stop has not failed, nor has one that meets a refusal.
    const isTold = ctx.isAborted && (isAbort(error) || ctx.isAbortReason(error));
    if (!isTold && !(error instanceof ServerRefusal)) {
      ctx.server.log.error({ err: error, route: ctx.route }, 'a handler failed after its response');
    }
    return;
  }
  if (ctx.plan.onError.length === 0) return respondWithFailure(ctx, error);
  ctx.response.dropPrepared();
  return runErrorHooks(ctx, error, 0);
}

/** The error for a `Response` that was thrown, as some frameworks do within themselves. */
function thrownResponse(ctx: RequestContext, thrown: unknown): UnsendableError | undefined {
  if (typeof thrown !== 'object' || thrown === null || !isResponse(thrown)) return undefined;
  releaseUnsent(ctx.response, thrown);
  return new UnsendableError(ctx, 'threw a Response: return it, or throw an HttpError');
}

function runErrorHooks(ctx: RequestContext, error: Error, from: number): void | Promise<void> {
  const { onError } = ctx.plan;
  for (let i = from; i < onError.length; i++) {
    try {
      const value = onError[i]!(ctx, error);
      if (isPromise(value)) {
        ctx.detach();
        return adopted(value)
          .then((late) => responded(ctx, error, late))
          .catch((hooked: unknown) => hookFailed(ctx, hooked))
          .then((isOver) => (isOver ? undefined : runErrorHooks(ctx, error, i + 1)));
      }
      if (responded(ctx, error, value)) return;
    } catch (hooked) {
      hookFailed(ctx, hooked);
    }
  }
  respondWithFailure(ctx, error);
}

/** Takes what an onError hook has returned. @returns true when the request has a response now */
function responded(ctx: RequestContext, error: Error, value: unknown): boolean {
  if (ctx.hasResponse) return true;
  if (isNothing(ctx, value)) return false;
  if (ctx.response.chosenStatus === undefined) ctx.status(problemOf(error, ctx).status);
  respond(ctx, value);
  return true;
}

function hookFailed(ctx: RequestContext, thrown: unknown): false {
  ctx.server.log.error({ err: toError(thrown), route: ctx.route }, 'an onError hook failed');
  return false;
}

function respondWithFailure(ctx: RequestContext, error: Error): void {
  if (ctx.hasResponse) return;
  const problem = problemOf(error, ctx);
  if (problem.fault !== undefined) {
    ctx.server.log.error(
      { err: problem.fault, route: ctx.route, method: ctx.method, requestId: ctx.requestId },
      'a handler failed',
    );
  }
  ctx.response.replyProblem(problem);
}

function countRefusal(ctx: RequestContext, error: Error): void {
  if (error instanceof ServerRefusal) ctx.server.refused(error.code.toLowerCase());
}

/** `(ctx) => ctx.header(…)` returns the context by accident, so that is not a value to send. */
const isNothing = (ctx: RequestContext, value: unknown): boolean => value === undefined || value === ctx;

const isAbort = (error: unknown): boolean =>
  error instanceof HttpError
    ? error.code === 'CLIENT_CLOSED' || error.code === 'DEADLINE_EXCEEDED'
    : error instanceof Error && error.name === 'AbortError';
