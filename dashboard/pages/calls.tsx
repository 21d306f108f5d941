// Who calls whom, as a graph and as a table.
import { count, ms, percent, plain, rate } from '../core/format.js';
import type { CallEdge, Calls } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { errorShare, Graph, MAX_NODES } from '../draw/graph.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, inRed, numberColumn, Table } from '../parts/table.js';
import { Heading, Section } from '../parts/ui.js';

const columns: readonly Column<CallEdge>[] = [
  { key: 'from', title: 'Caller', cell: ({ from }) => plain(from), by: ({ from }) => from },
  { key: 'to', title: 'Calls', cell: ({ to }) => plain(to), by: ({ to }) => to },
  numberColumn('rate', 'Calls/s', ({ perSecond }) => perSecond, rate),
  numberColumn('errors', 'Errors', errorShare, inRed(percent)),
  numberColumn('p99', 'p99', ({ p99Ms }) => p99Ms, ms),
  numberColumn('total', 'Since the start', ({ total }) => total, count, 'medium'),
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
