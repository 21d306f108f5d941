// The graph of calls. The width of an edge stands for its rate; edges with errors have another colour, a dash
// and their share of errors in words.
import { useMemo, useState } from 'preact/hooks';
import { percent, plain, rate } from '../core/format.js';
import { hrefOf } from '../core/place.js';
import type { CallEdge, Calls } from '../core/types.js';
import { type Line, layoutOf, NODE_WIDTH, type PlacedNode } from './layers.js';

/** Larger graphs are not readable; the table shows all edges. */
export const MAX_NODES = 60;

export const errorShare = ({ perSecond, errorsPerSecond }: CallEdge): number =>
  perSecond === 0 ? 0 : errorsPerSecond / perSecond;

export function Graph({ calls }: { calls: Calls }) {
  const { nodes, edges } = useMemo(() => busiest(calls), [calls]);
  const names = nodes.map(({ name }) => name).join();
  const ends = edges.map(({ from, to }) => `${from} ${to}`).join();
  const layout = useMemo(() => layoutOf(nodes, edges), [names, ends]);
  const { lines } = layout;
  const [chosen, setChosen] = useState<string | null>(null);
  const isFaint = ({ from, to }: CallEdge): boolean => chosen !== null && chosen !== from && chosen !== to;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
    <section class="graph-box" aria-label="Graph of calls" tabIndex={0}>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing whose nodes are links is no fieldset */}
      <svg
        class="graph"
        style={{ width: `min(${layout.width}px, max(100%, ${layout.width * 0.72}px))` }}
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        role="group"
        aria-label="Services and the calls between them"
      >
        {edges.map((edge, index) => (
          <Edge key={keyOf(edge)} edge={edge} line={lines[index]!} isFaint={isFaint(edge)} />
        ))}
        {layout.nodes.map((node) => (
          <Node key={node.name} node={node} choose={setChosen} />
        ))}
        {edges.map((edge, index) => (
          <EdgeText key={keyOf(edge)} edge={edge} line={lines[index]!} isFaint={isFaint(edge)} />
        ))}
      </svg>
    </section>
  );
}

const keyOf = ({ from, to }: CallEdge): string => `${from} ${to}`;

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
  readonly line: Line;
  readonly isFaint: boolean;
}

function Edge({ edge, line, isFaint }: EdgeProps) {
  const width = 1 + Math.min(5, Math.log10(1 + edge.perSecond) * 1.6);
  const classes = ['edge', errorShare(edge) > 0.05 ? 'edge-bad' : '', isFaint ? 'faint' : ''].join(' ');
  return (
    <g class={classes}>
      <title>{`${plain(edge.from)} calls ${plain(edge.to)}: ${textOf(edge)}`}</title>
      <path d={line.path} stroke-width={width} />
    </g>
  );
}

/** The texts are above all lines and nodes. */
const EdgeText = ({ edge, line, isFaint }: EdgeProps) => (
  <text
    class={errorShare(edge) > 0.05 ? 'edge-text bad' : 'edge-text'}
    opacity={isFaint ? 0.25 : 1}
    x={line.textX}
    y={line.textY}
    text-anchor="end"
  >
    {textOf(edge)}
  </text>
);

function textOf(edge: CallEdge): string {
  const share = errorShare(edge);
  return `${rate(edge.perSecond)}/s${share > 0 ? ` · ${percent(share)} err` : ''}`;
}

const LONGEST = 18;

function Node({ node, choose }: { node: PlacedNode; choose: (name: string | null) => void }) {
  const name = plain(node.name);
  const box = (
    <g
      class={`node kind-${node.kind === 'service' ? 'service' : 'other'}`}
      transform={`translate(${node.x},${node.y})`}
    >
      <rect width={NODE_WIDTH} height={node.height} rx="6" />
      <text x="12" y={node.height / 2 - 3} class="node-name">
        {name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name}
      </text>{' '}
      <text x="12" y={node.height / 2 + 13} class="node-kind">
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
