// The graph of calls. The width of an edge stands for its rate; edges with errors have another colour, a dash
// and their share of errors in words.
import { useMemo, useState } from 'preact/hooks';
import { percent, plain, rate } from '../core/format.js';
import { hrefOf } from '../core/place.js';
import type { CallEdge, Calls } from '../core/types.js';
import { layoutOf, NODE, type PlacedNode } from './layers.js';

/** Larger graphs are not readable; the table shows all edges. */
export const MAX_NODES = 60;

export const errorShare = ({ perSecond, errorsPerSecond }: CallEdge): number =>
  perSecond === 0 ? 0 : errorsPerSecond / perSecond;

export function Graph({ calls }: { calls: Calls }) {
  const { nodes, edges } = useMemo(() => busiest(calls), [calls]);
  const names = nodes.map(({ name }) => name).join();
  const ends = edges.map(({ from, to }) => `${from} ${to}`).join();
  const layout = useMemo(() => layoutOf(nodes, edges), [names, ends]);
  const [chosen, setChosen] = useState<string | null>(null);
  const placed = new Map(layout.nodes.map((node) => [node.name, node]));
  const isFaint = ({ from, to }: CallEdge): boolean => chosen !== null && chosen !== from && chosen !== to;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
    <section class="graph-box" aria-label="Graph of calls" tabIndex={0}>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing whose nodes are links is no fieldset */}
      <svg
        class="graph"
        width={layout.width}
        height={layout.height}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="group"
        aria-label="Services and the calls between them"
      >
        {edges.map((edge) => (
          <Edge
            key={`${edge.from} ${edge.to}`}
            edge={edge}
            from={placed.get(edge.from)!}
            to={placed.get(edge.to)!}
            isFaint={isFaint(edge)}
          />
        ))}
        {layout.nodes.map((node) => (
          <Node key={node.name} node={node} choose={setChosen} />
        ))}
      </svg>
    </section>
  );
}

/** The nodes with most traffic, and the edges between them. */
function busiest({ nodes, edges }: Calls): Pick<Calls, 'nodes' | 'edges'> {
  const traffic = new Map<string, number>();
  for (const { from, to, perSecond, total } of edges) {
    for (const name of [from, to]) traffic.set(name, (traffic.get(name) ?? 0) + perSecond * 1e6 + total);
  }
  const shown = [...nodes]
    .sort((a, b) => (traffic.get(b.name) ?? 0) - (traffic.get(a.name) ?? 0))
    .slice(0, MAX_NODES)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(shown.map(({ name }) => name));
  return { nodes: shown, edges: edges.filter(({ from, to }) => names.has(from) && names.has(to)) };
}

interface EdgeProps {
  readonly edge: CallEdge;
  readonly from: PlacedNode;
  readonly to: PlacedNode;
  readonly isFaint: boolean;
}

function Edge({ edge, from, to, isFaint }: EdgeProps) {
  const share = errorShare(edge);
  const start = { x: from.x + NODE.width, y: from.y + NODE.height / 2 };
  const end = { x: to.x, y: to.y + NODE.height / 2 };
  const isBack = end.x <= start.x;
  const bend = isBack ? 60 : (end.x - start.x) / 2;
  const width = 1 + Math.min(5, Math.log10(1 + edge.perSecond) * 1.6);
  const classes = ['edge', share > 0.05 ? 'edge-bad' : '', isFaint ? 'faint' : ''].join(' ');
  const text = `${rate(edge.perSecond)}/s${share > 0 ? `, ${percent(share)} errors` : ''}`;
  return (
    <g class={classes}>
      <title>{`${plain(edge.from)} calls ${plain(edge.to)}: ${text}`}</title>
      <path
        d={`M${start.x},${start.y} C${start.x + bend},${start.y} ${end.x - bend},${end.y} ${end.x},${end.y}`}
        stroke-width={width}
      />
      <text x={(start.x + end.x) / 2} y={(start.y + end.y) / 2 - 5} text-anchor="middle">
        {text}
      </text>
    </g>
  );
}

const LONGEST = 20;

function Node({ node, choose }: { node: PlacedNode; choose: (name: string | null) => void }) {
  const name = plain(node.name);
  const box = (
    <g
      class={`node kind-${node.kind === 'service' ? 'service' : 'other'}`}
      transform={`translate(${node.x},${node.y})`}
    >
      <title>{name}</title>
      <rect width={NODE.width} height={NODE.height} rx="6" />
      <text x="12" y="19" class="node-name">
        {name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name}
      </text>
      <text x="12" y="35" class="node-kind">
        {plain(node.kind)}
      </text>
    </g>
  );
  if (node.kind !== 'service') return box;
  return (
    <a
      href={hrefOf('service', { name: node.name })}
      onMouseEnter={() => choose(node.name)}
      onMouseLeave={() => choose(null)}
      onFocus={() => choose(node.name)}
      onBlur={() => choose(null)}
    >
      {box}
    </a>
  );
}
