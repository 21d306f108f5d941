// Finds the route of a path. A path without parameters is one map look-up. Other paths are found in a tree of
// segments, of which a search visits a node at most once: those that the path matches so far, so the cost
// depends on the path and on the routes that share its beginnings, not on the number of all routes.
//
// Precedence, segment by segment from the left: static text > parameter with an expression (in the order of
// registration) > parameter > wildcard. The search leaves a branch that leads to no route of the method.
// Static text is compared as it was sent; parameters are percent-decoded after the path is split, so `%2F`
// never adds a segment. An empty segment matches no parameter, and `/a/` is not `/a`. An expression matches
// at most MAX_EXPRESSION_CHARS characters.
import { HttpError } from '../../errors.js';
import { type Pattern, parsePattern, type Segment } from './pattern.js';

/** This is longer than any identifier, and bounds the time that an expression of polynomial cost takes. */
export const MAX_EXPRESSION_CHARS = 512;

export type Params = Readonly<Record<string, string>>;

export interface Match<T> {
  readonly value: T;
  /** The decoded parameters, with a null prototype. */
  readonly params: Params;
}

/** A route that ends at a node. */
interface Leaf<T> {
  readonly value: T;
  /** Another route of the same pattern takes its place. */
  readonly yields: boolean;
  readonly names: readonly string[];
  readonly pattern: string;
}

type Leaves<T> = ReadonlyMap<string, Leaf<T>>;

/** Chooses among the routes that end at a node; undefined: the search goes on. */
type Choice<T> = (leaves: Leaves<T>) => Leaf<T> | undefined;

const none = (): undefined => undefined;

/** A parameter with an expression. */
interface Branch<T> {
  readonly regex: RegExp;
  readonly source: string;
  readonly node: Node<T>;
}

class Node<T> {
  readonly statics = new Map<string, Node<T>>();
  readonly branches: Branch<T>[] = [];
  param: Node<T> | undefined;
  /** The routes that end at this node, by method. */
  readonly leaves = new Map<string, Leaf<T>>();
  /** The routes with a wildcard behind this node, by method. */
  readonly wildcards = new Map<string, Leaf<T>>();
}

const NO_BRANCHES: readonly Branch<never>[] = [];
const NO_PARAMS: Params = Object.freeze(Object.create(null) as Record<string, string>);

/** Two patterns would match the same paths, so one of the routes would never be found. */
export class RouteTakenError extends TypeError {
  /**
   * @param route method and pattern
   * @param taken those of the route that is there already
   * @param value what the router holds for it
   */
  constructor(
    route: string,
    readonly taken: string,
    readonly value: unknown,
  ) {
    super(`route ${route} is already registered as ${taken}`);
  }
}

export class Router<T> {
  readonly #root = new Node<T>();
  readonly #statics = new Map<string, Map<string, Match<T>>>();
  /** Made once for each method, so that a search needs no function of its own. */
  readonly #choices = new Map<string, Choice<T>>();

  /**
   * @param yields whether a route of the same pattern that does not yield is found in place of this one,
   *   whichever of the two was added first
   * @throws TypeError for a bad pattern, RouteTakenError for one that this method has already
   */
  add(method: string, pattern: string, value: T, yields = false): Pattern {
    const parsed = parsePattern(pattern);
    const { leaves, isStatic } = this.#nodesFor(parsed.segments);
    const taken = leaves.get(method);
    if (taken?.yields === yields) {
      throw new RouteTakenError(`${method} ${pattern}`, `${method} ${taken.pattern}`, taken.value);
    }
    if (taken?.yields === false) return parsed;
    leaves.set(method, { value, yields, names: parsed.names, pattern });
    this.#choices.set(method, (found) => found.get(method));
    if (isStatic) {
      const paths = this.#statics.get(method) ?? new Map<string, Match<T>>();
      this.#statics.set(method, paths.set(pattern, { value, params: NO_PARAMS }));
    }
    return parsed;
  }

  /** The route whose pattern is this path, which has no parameters. */
  exact(method: string, path: string): Match<T> | undefined {
    return this.#statics.get(method)?.get(path);
  }

  /** @throws HttpError MALFORMED_REQUEST when a parameter is not valid percent-encoded UTF-8 */
  find(method: string, path: string): Match<T> | undefined {
    const known = this.exact(method, path);
    if (known !== undefined) return known;
    const values: string[] = [];
    const leaf = search(this.#root, this.#choices.get(method) ?? none, path, 1, values);
    return leaf && { value: leaf.value, params: paramsOf(leaf.names, values) };
  }

  /**
   * Finds the routes of a path by method, the most specific first, for the field `Allow`. Of several routes
   * of a method the most specific one is returned.
   */
  methods(path: string): Map<string, T> {
    const found = new Map<string, T>();
    const all: Choice<T> = (leaves) => {
      for (const [method, { value }] of leaves) if (!found.has(method)) found.set(method, value);
      return undefined;
    };
    search(this.#root, all, path, 1, []);
    return found;
  }

  /**
   * Adds the nodes of a pattern that the tree lacks.
   * @returns the routes that end where the pattern ends, and whether it has static text only
   */
  #nodesFor(segments: readonly Segment[]): { leaves: Map<string, Leaf<T>>; isStatic: boolean } {
    let node = this.#root;
    let isStatic = true;
    for (const segment of segments) {
      if (segment.kind === 'wildcard') return { leaves: node.wildcards, isStatic: false };
      isStatic &&= segment.kind === 'static';
      node = childOf(node, segment);
    }
    return { leaves: node.leaves, isStatic };
  }
}

function childOf<T>(node: Node<T>, segment: Exclude<Segment, { kind: 'wildcard' }>): Node<T> {
  if (segment.kind === 'static') {
    const child = node.statics.get(segment.text) ?? new Node<T>();
    node.statics.set(segment.text, child);
    return child;
  }
  if (segment.kind === 'param') {
    node.param ??= new Node();
    return node.param;
  }
  const same = node.branches.find((branch) => branch.source === segment.source);
  if (same !== undefined) return same.node;
  const branch = { regex: segment.regex, source: segment.source, node: new Node<T>() };
  node.branches.push(branch);
  return branch.node;
}

/**
 * Offers the routes that match a path to `choice`, the most specific first, until it has chosen one. `values`
 * then has the decoded parameters.
 * @param from the index at which the next segment of the path begins
 */
function search<T>(
  node: Node<T>,
  choice: Choice<T>,
  path: string,
  from: number,
  values: string[],
): Leaf<T> | undefined {
  if (from > path.length) return choice(node.leaves);
  const slash = path.indexOf('/', from);
  const to = slash === -1 ? path.length : slash;
  const raw = path.slice(from, to);
  // Comparing a size is cheaper than hashing a text that is new for every request.
  const child = node.statics.size === 0 ? undefined : node.statics.get(raw);
  const found = child && search(child, choice, path, to + 1, values);
  if (found !== undefined) return found;

  if (raw !== '' && (node.param !== undefined || node.branches.length > 0)) {
    const depth = values.push(decode(raw));
    const value = values[depth - 1]!;
    for (const { regex, node: next } of value.length > MAX_EXPRESSION_CHARS ? NO_BRANCHES : node.branches) {
      const leaf = regex.test(value) ? search(next, choice, path, to + 1, values) : undefined;
      if (leaf !== undefined) return leaf;
      values.length = depth;
    }
    const leaf = node.param && search(node.param, choice, path, to + 1, values);
    if (leaf !== undefined) return leaf;
    values.length = depth - 1;
  }
  if (node.wildcards.size === 0) return undefined;
  values.push(decode(path.slice(from)));
  const leaf = choice(node.wildcards);
  if (leaf === undefined) values.pop();
  return leaf;
}

function decode(raw: string): string {
  if (raw.indexOf('%') === -1) return raw; // it is several times faster than `includes`
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new HttpError('MALFORMED_REQUEST', 'The path is not valid percent-encoded UTF-8.');
  }
}

function paramsOf(names: readonly string[], values: readonly string[]): Params {
  const params = Object.create(null) as Record<string, string>;
  for (let i = 0; i < names.length; i++) params[names[i]!] = values[i]!;
  return params;
}
