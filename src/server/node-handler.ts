// An application of `node:http` (`(req, res)`) as the handler of the routes below its prefix.
import type { IncomingMessage } from 'node:http';
import { checkTarget } from './fetch/request-url.js';
import type { Handler, NodeHandler } from './handler.js';
import type { RequestContext } from './request-context.js';
import { TakenResponse } from './taken-response.js';

/** Fields of the request that Express and its middleware read. */
interface Target {
  originalUrl?: string;
  baseUrl?: string;
}

/** @param stripped what the application does not see of each path: its prefix, or nothing */
export function nodeHandler(application: NodeHandler, stripped: string): Handler {
  return (context) => {
    const ctx = context as unknown as RequestContext;
    const { path, query } = ctx.exchange.head;
    checkTarget(path, query);
    return new TakenResponse(ctx).run(application, (request) => {
      aim(request, path, query === '' ? '' : `?${query}`, stripped);
    });
  };
}

/**
 * Names the target as Express does for an application within another one: redirects and links are made of
 * `originalUrl` or `baseUrl`. The path is the one that was matched, also for a URL in absolute form.
 */
function aim(request: IncomingMessage & Target, path: string, search: string, stripped: string): void {
  const rest = path.slice(stripped.length);
  request.originalUrl = path + search;
  request.url = (rest === '' ? '/' : rest) + search;
  if (stripped !== '') request.baseUrl = stripped;
}
