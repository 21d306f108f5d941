// Reads what the admin plane's own GET routes respond, in the process itself. So a tool shows the same as the
// path of the same name, and nothing is computed twice. Routes of other methods cannot be reached from here.
import { HttpError, NotFoundError } from '../../errors.js';
import type { AdminRequest, AdminRoute } from '../admin-route.js';
import { AdminRouter } from '../admin-router.js';
import { parseInTurns } from './json-in-turns.js';

export type Query = Readonly<Record<string, string | number | undefined>>;

/** Reads on behalf of one request. */
export interface Read {
  /**
   * @param path encoded, without a query
   * @returns the JSON of the response, which is not to be changed
   * @throws HttpError as the route does
   */
  (path: string, query?: Query): Promise<unknown>;
  /** As the function itself; undefined when there is no such route, or when the route responds 404. */
  readonly optional: (path: string, query?: Query) => Promise<unknown>;
}

export class PlaneReader {
  readonly #router: AdminRouter;

  constructor(routes: readonly AdminRoute[]) {
    this.#router = new AdminRouter(routes);
  }

  /** @param path of a pattern or of a request */
  has(path: string): boolean {
    return this.#router.match('GET', path).kind === 'found';
  }

  for(request: AdminRequest): Read {
    const read = (path: string, query: Query = {}): Promise<unknown> => this.#read(request, path, query);
    const optional = async (path: string, query?: Query): Promise<unknown> => {
      if (!this.has(path)) return undefined;
      try {
        return await read(path, query);
      } catch (error) {
        if (error instanceof HttpError && error.status === 404) return undefined;
        throw error;
      }
    };
    return Object.assign(read, { optional });
  }

  async #read(request: AdminRequest, path: string, query: Query): Promise<unknown> {
    const match = this.#router.match('GET', path);
    if (match.kind !== 'found') throw new NotFoundError(`The admin plane has no ${path}.`);
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const { json, bytes } = await match.route.handler({
      ...{ requestId: request.requestId, remoteAddress: request.remoteAddress, signal: request.signal },
      ...{ method: 'GET', path, params: match.params, body: undefined, grants: request.grants },
      query: new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])),
      header: () => undefined,
    });
    return json === undefined && bytes !== undefined ? parseInTurns(bytes) : json;
  }
}
