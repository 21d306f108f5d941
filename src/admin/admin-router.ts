// Finds the route of a path on the admin plane. It has a few dozen routes and a few requests a second, so a
// list is enough.
import type { AdminRoute } from './admin-route.js';

export type RouteMatch =
  | { readonly kind: 'found'; readonly route: AdminRoute; readonly params: Readonly<Record<string, string>> }
  /** The path has routes, but none of this method. `isOpen`: every client may learn that. */
  | { readonly kind: 'wrong-method'; readonly allow: string; readonly isOpen: boolean }
  | { readonly kind: 'unknown' };

interface Pattern {
  readonly segments: readonly string[];
  readonly routes: Map<string, AdminRoute>;
}

export class AdminRouter {
  readonly #patterns: Pattern[] = [];
  /** Segments of the longest pattern. No more than one further segment of a path is read. */
  readonly #longest: number;

  /** @throws Error that names a route which is malformed or declared twice */
  constructor(routes: readonly AdminRoute[]) {
    const byShape = new Map<string, Pattern>();
    for (const route of routes) {
      const segments = segmentsOf(route);
      const shape = segments.map((segment) => (isParam(segment) ? ':' : segment)).join('/');
      let pattern = byShape.get(shape);
      if (pattern === undefined) {
        pattern = { segments, routes: new Map() };
        byShape.set(shape, pattern);
        this.#patterns.push(pattern);
      }
      if (pattern.routes.has(route.method)) throw new Error(`admin route ${nameOf(route)} is declared twice`);
      if (pattern.segments.join('/') !== segments.join('/')) {
        throw new Error(`admin route ${nameOf(route)} names its parameters differently from another method`);
      }
      pattern.routes.set(route.method, route);
    }
    this.#longest = Math.max(0, ...this.#patterns.map(({ segments }) => segments.length));
    // When two patterns match a path, the one whose literal comes earlier wins, so it is the first in the
    // list.
    this.#patterns.sort((a, b) => rank(a.segments).localeCompare(rank(b.segments)));
  }

  /** @throws URIError for a path with a broken percent escape */
  match(method: string, path: string): RouteMatch {
    const given = path
      .split('/', this.#longest + 2)
      .slice(1)
      .map(decodeURIComponent);
    for (const { segments, routes } of this.#patterns) {
      const params = bind(segments, given);
      if (params === undefined) continue;
      const route = routes.get(method === 'HEAD' ? 'GET' : method);
      if (route !== undefined) return { kind: 'found', route, params };
      const methods = [...routes.keys()].flatMap((known) => (known === 'GET' ? ['GET', 'HEAD'] : [known]));
      const isOpen = [...routes.values()].every(({ access }) => access === 'open');
      return { kind: 'wrong-method', allow: methods.join(', '), isOpen };
    }
    return { kind: 'unknown' };
  }
}

const isParam = (segment: string): boolean => segment.startsWith(':');
const nameOf = ({ method, path }: AdminRoute): string => `${method} ${path}`;
const rank = (segments: readonly string[]): string =>
  segments.map((segment) => (isParam(segment) ? '1' : '0')).join('');

function segmentsOf(route: AdminRoute): string[] {
  const segments = route.path.split('/');
  const rest = segments.slice(1);
  const names = rest.filter(isParam);
  const isSound =
    segments[0] === '' &&
    (rest.length === 1 || rest.every((segment) => segment !== '')) &&
    names.every((name) => name.length > 1) &&
    new Set(names).size === names.length;
  if (!isSound) throw new Error(`admin route ${nameOf(route)}: not a valid pattern`);
  return rest;
}

function bind(
  segments: readonly string[],
  given: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (segments.length !== given.length) return undefined;
  const params = Object.create(null) as Record<string, string>;
  for (const [index, segment] of segments.entries()) {
    const value = given[index]!;
    if (!isParam(segment)) {
      if (segment !== value) return undefined;
    } else if (value === '') return undefined;
    else params[segment.slice(1)] = value;
  }
  return params;
}
