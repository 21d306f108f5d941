// The places of the nodes of a graph of calls: callers to the left of what they call.
import type { CallEdge, CallNode } from '../core/types.js';

export interface PlacedNode extends CallNode {
  readonly x: number;
  readonly y: number;
}

export interface Layout {
  readonly nodes: readonly PlacedNode[];
  readonly width: number;
  readonly height: number;
}

export const NODE = { width: 164, height: 44 };
const GAP = { x: 92, y: 26 };
const EDGE_PX = 12;

/** The longest way to each node; edges that would close a circle do not count. */
function depths(nodes: readonly CallNode[], edges: readonly CallEdge[]): ReadonlyMap<string, number> {
  const incoming = new Map<string, string[]>();
  for (const { from, to } of edges) incoming.set(to, [...(incoming.get(to) ?? []), from]);
  const found = new Map<string, number>();
  const open = new Set<string>();
  const depthOf = (name: string): number => {
    const known = found.get(name);
    if (known !== undefined) return known;
    open.add(name);
    const callers = (incoming.get(name) ?? []).filter((caller) => caller !== name && !open.has(caller));
    const depth = callers.length === 0 ? 0 : Math.max(...callers.map(depthOf)) + 1;
    open.delete(name);
    found.set(name, depth);
    return depth;
  };
  for (const { name } of nodes) depthOf(name);
  return found;
}

export function layoutOf(nodes: readonly CallNode[], edges: readonly CallEdge[]): Layout {
  const depth = depths(nodes, edges);
  const columns = Math.max(0, ...depth.values()) + 1;
  const full = Array.from({ length: columns }, (_, column) =>
    nodes.filter(({ name }) => (depth.get(name) ?? 0) === column),
  );
  const order = new Map<string, number>();
  // A node goes near the middle of its callers, which are placed already.
  for (const layer of full) {
    const middle = ({ name }: CallNode): number => {
      const callers = edges.flatMap(({ from, to }) => (to === name ? (order.get(from) ?? []) : []));
      return callers.length === 0 ? 0 : callers.reduce((sum, one) => sum + one, 0) / callers.length;
    };
    layer.sort((a, b) => middle(a) - middle(b) || (a.name < b.name ? -1 : 1));
    for (const [index, { name }] of layer.entries()) order.set(name, index - (layer.length - 1) / 2);
  }
  const tallest = Math.max(1, ...full.map(({ length }) => length));
  const height = tallest * (NODE.height + GAP.y) - GAP.y + 2 * EDGE_PX;
  const placed = full.flatMap((layer, column) => {
    const used = layer.length * (NODE.height + GAP.y) - GAP.y;
    return layer.map((node, row) => ({
      ...node,
      x: EDGE_PX + column * (NODE.width + GAP.x),
      y: (height - used) / 2 + row * (NODE.height + GAP.y),
    }));
  });
  const width = full.length * (NODE.width + GAP.x) - GAP.x + 2 * EDGE_PX;
  return { nodes: placed, width: Math.max(NODE.width + 2 * EDGE_PX, width), height };
}
