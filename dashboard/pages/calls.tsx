// Who calls whom, as a graph and as a table.
import { count, ms, percent, plain, rate } from '../core/format.js';
import type { CallEdge, Calls } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { errorShare, Graph, MAX_NODES } from '../draw/graph.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { Heading, Section } from '../parts/ui.js';

const columns: readonly Column<CallEdge>[] = [
  { key: 'from', title: 'Caller', cell: ({ from }) => plain(from), by: ({ from }) => from },
  { key: 'to', title: 'Calls', cell: ({ to }) => plain(to), by: ({ to }) => to },
  {
    key: 'rate',
    title: 'Calls/s',
    isNumber: true,
    cell: ({ perSecond }) => rate(perSecond),
    by: ({ perSecond }) => perSecond,
  },
  {
    key: 'errors',
    title: 'Errors',
    isNumber: true,
    cell: (edge) => <span class={errorShare(edge) > 0 ? 'ink-bad' : ''}>{percent(errorShare(edge))}</span>,
    by: errorShare,
  },
  { key: 'p99', title: 'p99', isNumber: true, cell: ({ p99Ms }) => ms(p99Ms), by: ({ p99Ms }) => p99Ms },
  {
    key: 'total',
    title: 'Since the start',
    isNumber: true,
    from: 'medium',
    cell: ({ total }) => count(total),
    by: ({ total }) => total,
  },
];

export function CallsPage() {
  const live = useLive<Calls>('calls');
  return (
    <>
      <Heading title="Calls" />
      <Data from={live}>
        {(calls) =>
          calls.edges.length === 0 ? (
            <Empty title="No calls were observed yet">
              The graph is drawn from requests and calls that took place, not from configuration.
            </Empty>
          ) : (
            <>
              {calls.nodes.length > MAX_NODES ? (
                <p class="quiet">
                  The graph shows the {MAX_NODES} busiest of {count(calls.nodes.length)} nodes.
                </p>
              ) : null}
              <Graph calls={calls} />
              <Section title="All calls">
                <Table
                  label="Calls"
                  rows={calls.edges}
                  columns={columns}
                  keyOf={({ from, to }) => `${from} ${to}`}
                  sortedBy="errors"
                />
              </Section>
            </>
          )
        }
      </Data>
    </>
  );
}
