// Finds the route of a path. A path without parameters is one map look-up; the rest walks a tree of segments
// in which every node is visited at most once, so the cost is bounded by the path, not by the routes.
//
// Precedence, segment by segment from the left: static text > parameter with an expression (in the order of
// registration) > parameter > wildcard. A branch that does not lead to a route of the method is left again.
// Static text is compared as it was sent; parameters are percent-decoded after the path is split, so `%2F`
// never adds a segment. An empty segment matches no parameter, and `/a/` is not `/a`. No expression matches
// more than MAX_EXPRESSION_CHARS.
import { HttpError } from '../../errors.js';
import { type Pattern, parsePattern, type Segment } from './pattern.js';

/** Longer than any identifier; bounds what an expression of polynomial cost can do. */
export const MAX_EXPRESSION_CHARS = 512;

export type Params = Readonly<Record<string, string>>;

export interface Match<T> {
  readonly value: T;
  /** Null prototype. */
  readonly params: Params;
}

interface Leaf<T> {
  readonly value: T;
  readonly names: readonly string[];
  readonly pattern: string;
}

type Leaves<T> = Map<string, Leaf<T>>;

interface Branch<T> {
  readonly regex: RegExp;
  readonly source: string;
  readonly node: Node<T>;
}

class Node<T> {
  readonly statics = new Map<string, Node<T>>();
  readonly branches: Branch<T>[] = [];
  param: Node<T> | undefined;
  /** Routes that end here, by method. */
  readonly leaves: Leaves<T> = new Map();
  readonly wildcards: Leaves<T> = new Map();
}

const NO_BRANCHES: readonly Branch<never>[] = [];
const NO_PARAMS: Params = Object.freeze(Object.create(null) as Record<string, string>);

export class Router<T> {
  readonly #root = new Node<T>();
  readonly #statics = new Map<string, Map<string, Match<T>>>();

  /** @throws TypeError for a bad pattern, or one that another of this method shadows entirely; names both */
  add(method: string, pattern: string, value: T): Pattern {
    const parsed = parsePattern(pattern);
    const { leaves, isStatic } = this.#grow(parsed.segments);
    const taken = leaves.get(method);
    if (taken !== undefined) {
      throw new TypeError(`route ${method} ${pattern} is already registered as ${method} ${taken.pattern}`);
    }
    leaves.set(method, { value, names: parsed.names, pattern });
    if (isStatic) {
      const paths = this.#statics.get(method) ?? new Map<string, Match<T>>();
      this.#statics.set(method, paths.set(pattern, { value, params: NO_PARAMS }));
    }
    return parsed;
  }

  /** @throws HttpError MALFORMED_REQUEST when a parameter is not valid percent-encoded UTF-8 */
  find(method: string, path: string): Match<T> | undefined {
    const known = this.#statics.get(method)?.get(path);
    if (known !== undefined) return known;
    const values: string[] = [];
    let leaf: Leaf<T> | undefined;
    walk(this.#root, path, 1, values, (leaves) => {
      leaf = leaves.get(method);
      return leaf !== undefined;
    });
    return leaf && { value: leaf.value, params: paramsOf(leaf.names, values) };
  }

  /**
   * Every route of the path, whatever its method: what `Allow` is made of. Most specific first per method.
   */
  methods(path: string): Map<string, T> {
    const found = new Map<string, T>();
    walk(this.#root, path, 1, [], (leaves) => {
      for (const [method, leaf] of leaves) if (!found.has(method)) found.set(method, leaf.value);
      return false;
    });
    return found;
  }

  #grow(segments: readonly Segment[]): { leaves: Leaves<T>; isStatic: boolean } {
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
 * Offers every set of routes that ends at `path`, most specific first, until `take` accepts one; `values`
 * then holds the decoded parameters. `from` is where the next segment starts.
 */
function walk<T>(
  node: Node<T>,
  path: string,
  from: number,
  values: string[],
  take: (leaves: Leaves<T>) => boolean,
): boolean {
  if (from > path.length) return node.leaves.size > 0 && take(node.leaves);
  const slash = path.indexOf('/', from);
  const to = slash === -1 ? path.length : slash;
  const raw = path.slice(from, to);
  const child = node.statics.get(raw);
  if (child !== undefined && walk(child, path, to + 1, values, take)) return true;

  if (raw !== '' && (node.param !== undefined || node.branches.length > 0)) {
    const depth = values.push(decode(raw));
    const value = values[depth - 1]!;
    for (const { regex, node: next } of value.length > MAX_EXPRESSION_CHARS ? NO_BRANCHES : node.branches) {
      if (regex.test(value) && walk(next, path, to + 1, values, take)) return true;
      values.length = depth;
    }
    if (node.param !== undefined && walk(node.param, path, to + 1, values, take)) return true;
    values.length = depth - 1;
  }
  if (node.wildcards.size === 0) return false;
  values.push(decode(path.slice(from)));
  if (take(node.wildcards)) return true;
  values.pop();
  return false;
}

function decode(raw: string): string {
  if (!raw.includes('%')) return raw;
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
