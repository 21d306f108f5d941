// The places of the nodes and lines of a graph of calls, in columns: callers are to the left of what they
// call. An edge over several columns gets a place of its own in each of them, so that no node is on it.
import type { CallEdge, CallNode } from '../core/types.js';

export interface PlacedNode extends CallNode {
  readonly x: number;
  readonly y: number;
  readonly height: number;
}

/** The line of an edge, and the end of the text at it. */
export interface Line {
  readonly path: string;
  readonly textX: number;
  readonly textY: number;
}

export interface Layout {
  readonly nodes: readonly PlacedNode[];
  /** In the order of the edges. */
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

export const NODE_WIDTH = 160;
const NODE_HEIGHT = 44;
/** The height that each edge gets at a side of a node, and in a column that it only passes. */
const EDGE_HEIGHT = 20;
const GAP = { x: 126, y: 20 };
const MARGIN = 12;

/** A place in a column: a node, or an edge that passes. */
interface Place {
  readonly key: string;
  readonly node: CallNode | undefined;
  readonly height: number;
  /** The keys of the places in the column before that a line comes from. */
  readonly before: string[];
  y: number;
}

function grouped(
  edges: readonly CallEdge[],
  keyOf: (edge: CallEdge) => string,
): ReadonlyMap<string, readonly CallEdge[]> {
  const groups = new Map<string, CallEdge[]>();
  for (const edge of edges) groups.set(keyOf(edge), [...(groups.get(keyOf(edge)) ?? []), edge]);
  return groups;
}

/** The edges without those that close a circle, which would have no left and right. */
function withoutCircles(nodes: readonly CallNode[], edges: readonly CallEdge[]): readonly CallEdge[] {
  const outgoing = grouped(edges, ({ from }) => from);
  const called = new Set(edges.map(({ to }) => to));
  const kept: CallEdge[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string): void => {
    state.set(name, 'open');
    for (const edge of outgoing.get(name) ?? []) {
      if (state.get(edge.to) === 'open') continue;
      kept.push(edge);
      if (state.get(edge.to) === undefined) visit(edge.to);
    }
    state.set(name, 'done');
  };
  const first = nodes.filter(({ name }) => !called.has(name));
  for (const { name } of [...first, ...nodes]) if (state.get(name) === undefined) visit(name);
  return kept;
}

/** The length of the longest way to each node. */
function depths(nodes: readonly CallNode[], edges: readonly CallEdge[]): ReadonlyMap<string, number> {
  const incoming = grouped(withoutCircles(nodes, edges), ({ to }) => to);
  const found = new Map<string, number>();
  const depthOf = (name: string): number => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const depth = Math.max(-1, ...(incoming.get(name) ?? []).map(({ from }) => depthOf(from))) + 1;
    found.set(name, depth);
    return depth;
  };
  for (const { name } of nodes) depthOf(name);
  return found;
}

export function layoutOf(nodes: readonly CallNode[], edges: readonly CallEdge[]): Layout {
  const depth = depths(nodes, edges);
  const columns = columnsOf(nodes, edges, depth);
  for (const column of columns) arrange(column, columns);
  const heights = columns.map((column) => column.reduce((sum, { height }) => sum + height + GAP.y, -GAP.y));
  const height = Math.max(NODE_HEIGHT, ...heights) + 2 * MARGIN;
  const places = new Map<string, Place & { readonly x: number }>();
  for (const [index, column] of columns.entries()) {
    let y = (height - heights[index]!) / 2;
    for (const one of column) {
      places.set(one.key, { ...one, x: MARGIN + index * (NODE_WIDTH + GAP.x), y });
      y += one.height + GAP.y;
    }
  }
  const placed = [...places.values()].flatMap(({ node, x, y, height: own }) =>
    node === undefined ? [] : [{ ...node, x, y, height: own }],
  );
  return {
    nodes: placed,
    lines: linesOf(edges, depth, places),
    width: columns.length * (NODE_WIDTH + GAP.x) - GAP.x + 2 * MARGIN,
    height,
  };
}

const passKey = (edge: CallEdge, column: number): string => `${edge.from} ${edge.to} ${column}`;

/** The columns that an edge only passes. */
function passed(edge: CallEdge, depth: ReadonlyMap<string, number>): readonly number[] {
  const [from, to] = [depth.get(edge.from)!, depth.get(edge.to)!];
  return Array.from({ length: Math.max(0, to - from - 1) }, (_, index) => from + 1 + index);
}

function columnsOf(
  nodes: readonly CallNode[],
  edges: readonly CallEdge[],
  depth: ReadonlyMap<string, number>,
): readonly Place[][] {
  const columns = Array.from({ length: Math.max(0, ...depth.values()) + 1 }, (): Place[] => []);
  const byKey = new Map<string, Place>();
  const add = (column: number, key: string, node: CallNode | undefined, height: number): void => {
    const one: Place = { key, node, height, before: [], y: 0 };
    byKey.set(key, one);
    columns[column]!.push(one);
  };
  for (const node of nodes) {
    const ends = (side: 'from' | 'to') => edges.filter((edge) => edge[side] === node.name).length;
    const height = Math.max(NODE_HEIGHT, Math.max(ends('from'), ends('to')) * EDGE_HEIGHT);
    add(depth.get(node.name)!, node.name, node, height);
  }
  for (const edge of edges) {
    let last = edge.from;
    for (const column of passed(edge, depth)) {
      add(column, passKey(edge, column), undefined, EDGE_HEIGHT);
      byKey.get(passKey(edge, column))!.before.push(last);
      last = passKey(edge, column);
    }
    byKey.get(edge.to)!.before.push(last);
  }
  return columns;
}

/** Orders a column: a place goes near the middle of those that its lines come from. */
function arrange(column: Place[], columns: readonly Place[][]): void {
  const order = new Map(columns.flatMap((one) => one.map(({ key, y }) => [key, y] as const)));
  const middle = ({ before }: Place): number =>
    before.reduce((sum, key) => sum + (order.get(key) ?? 0), 0) / Math.max(1, before.length);
  const middles = new Map(column.map((one) => [one, middle(one)]));
  column.sort((a, b) => middles.get(a)! - middles.get(b)! || (a.key < b.key ? -1 : 1));
  const whole = column.reduce((sum, { height }) => sum + height + GAP.y, -GAP.y);
  let y = -whole / 2;
  for (const one of column) {
    one.y = y + one.height / 2;
    y += one.height + GAP.y;
  }
}

type Places = ReadonlyMap<string, Place & { readonly x: number }>;

function linesOf(
  edges: readonly CallEdge[],
  depth: ReadonlyMap<string, number>,
  places: Places,
): readonly Line[] {
  const ways: readonly (readonly string[])[] = edges.map((edge) => [
    edge.from,
    ...passed(edge, depth).map((column) => passKey(edge, column)),
    edge.to,
  ]);
  /** The height at which a way ends, among all that end at the same side of a node. */
  const port = (way: readonly string[], end: 0 | -1): number => {
    const next = end === 0 ? 1 : -2;
    const beside = ways
      .filter((one) => one.at(end) === way.at(end))
      .sort((a, b) => places.get(a.at(next)!)!.y - places.get(b.at(next)!)!.y);
    const { y, height } = places.get(way.at(end)!)!;
    return y + (height * (beside.indexOf(way) + 1)) / (beside.length + 1);
  };
  return ways.map((way): Line => {
    const points = way.map((key, index) => {
      const { x, y, height } = places.get(key)!;
      if (index === 0) return { left: x, right: x + NODE_WIDTH, y: port(way, 0) };
      if (index === way.length - 1) return { left: x, right: x, y: port(way, -1) };
      return { left: x, right: x + NODE_WIDTH, y: y + height / 2 };
    });
    const last = points.at(-1)!;
    return { path: pathOf(points), textX: last.left - 8, textY: last.y - 5 };
  });
}

interface Point {
  readonly left: number;
  readonly right: number;
  readonly y: number;
}

function pathOf([first, ...others]: readonly Point[]): string {
  let path = `M${first!.right},${first!.y}`;
  let before = first!;
  for (const point of others) {
    const bend = GAP.x / 2;
    path += ` C${before.right + bend},${before.y} ${point.left - bend},${point.y} ${point.left},${point.y}`;
    path += ` L${point.right},${point.y}`;
    before = point;
  }
  return path;
}
