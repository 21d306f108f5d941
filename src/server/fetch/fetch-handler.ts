// An application of the fetch standard (`Request -> Response`) as the handler of the routes below its prefix.
import type { FetchApplication, FetchHandler, Handler } from '../handler.js';
import { isPromise } from '../promise.js';
import type { RequestContext } from '../request-context.js';
import { UnsendableError } from '../response/unsendable.js';
import { classOf } from '../value-kind.js';
import { ArrivedRequest } from './arrived-request.js';
import { installFetchGlobals, isResponse, loadFetchClasses, requestOf } from './fetch-classes.js';
import { RequestUrls } from './request-url.js';
import { releaseUnsent } from './send-response.js';

/**
 * @param stripped the number of characters at the beginning of each path that the application does not see
 */
export function fetchHandler(application: FetchApplication, stripped: number): Handler {
  installFetchGlobals();
  loadFetchClasses();
  const urls = new RequestUrls(stripped);
  const serve: FetchHandler =
    typeof application === 'function' ? application : (request, ctx) => application.fetch(request, ctx);
  return (context) => {
    const ctx = context as unknown as RequestContext;
    const request = requestOf(ctx, urls.of(ctx.request));
    const result: unknown = serve(request, context);
    if (isPromise(result)) {
      ctx.fetched = request;
      return result;
    }
    return checkedResponse(ctx, request, result);
  };
}

/** Why an application has failed that was to respond to a request. */
export const fetchFailure = (request: Request, error: unknown): unknown =>
  ArrivedRequest.refusalOf(request) ?? error;

/**
 * An application may have caught that the body is too large, or took too long, and respond with 500: the
 * client gets the reason.
 */
export function checkedResponse(ctx: RequestContext, request: Request, value: unknown): unknown {
  const isMade = typeof value === 'object' && value !== null && isResponse(value);
  const refusal = ArrivedRequest.refusalOf(request);
  ArrivedRequest.beginReading(request);
  if (refusal !== undefined) {
    if (isMade) releaseUnsent(ctx.response, value);
    throw refusal;
  }
  if (isMade) return value;
  throw new UnsendableError(ctx, `returned ${classOf(value)}: a fetch handler returns a Response`);
}
