// The traces that this process has recorded last.
import { useState } from 'preact/hooks';
import { pathOf } from '../core/api.js';
import { ago, count, counted, ms, percent, plain } from '../core/format.js';
import { hrefOf, place, refine } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { TraceRow, Traces } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Choice, Heading, Link, Search } from '../parts/ui.js';

const LIMIT = 200;

const columns: readonly Column<TraceRow>[] = [
  {
    key: 'name',
    title: 'Trace',
    cell: ({ traceId, name, isIncomplete }) => (
      <>
        <a href={hrefOf('trace', { id: traceId })}>
          <span class="mono">{plain(name)}</span>
        </a>
        {isIncomplete ? <span class="quiet"> incomplete</span> : null}
      </>
    ),
    by: ({ name }) => name,
  },
  {
    key: 'status',
    title: 'Status',
    cell: ({ status }) => <Badge state={status} />,
    by: ({ status }) => status,
  },
  {
    key: 'http',
    title: 'HTTP',
    isNumber: true,
    from: 'medium',
    cell: ({ httpStatus }) => (httpStatus === null ? '–' : String(httpStatus)),
    by: ({ httpStatus }) => httpStatus,
  },
  numberColumn('took', 'Took', ({ durationMs }) => durationMs, ms),
  numberColumn('spans', 'Spans', ({ spans }) => spans, count, 'medium'),
  {
    key: 'id',
    title: 'Trace id',
    from: 'wide',
    cell: ({ traceId }) => <span class="mono quiet">{plain(traceId)}</span>,
    by: ({ traceId }) => traceId,
  },
  {
    key: 'started',
    title: 'Started',
    isNumber: true,
    cell: ({ startedAt }) => ago(startedAt),
    by: ({ startedAt }) => startedAt,
  },
];

const SLOW: readonly (readonly [string, string])[] = [
  ['', 'any duration'],
  ['100', 'over 100 ms'],
  ['500', 'over 500 ms'],
  ['2000', 'over 2 s'],
];

export function TracesPage() {
  const { route = '', status = '', minMs = '', search = '' } = useSignal(place).query;
  const [text, setText] = useState(search);
  const filter = Object.fromEntries(
    Object.entries({ route, status, minMs, search }).filter(([, one]) => one),
  );
  const read = useRead<Traces>(pathOf('/traces', { limit: LIMIT, ...filter }), { everyMs: 2_000 });
  return (
    <>
      <Heading title="Traces" />
      <div class="filters">
        <Choice
          label="Status"
          value={status}
          options={[
            ['', 'every status'],
            ['error', 'error'],
            ['ok', 'ok'],
          ]}
          change={(value) => refine({ status: value })}
        />
        <Choice label="Duration" value={minMs} options={SLOW} change={(value) => refine({ minMs: value })} />
        <Search
          label="Search"
          value={text}
          placeholder="name or trace id"
          change={(value) => {
            setText(value);
            refine({ search: value.trim() });
          }}
        />
      </div>
      {route === '' ? null : (
        <p>
          Only <span class="mono">{plain(route)}</span>.{' '}
          <button type="button" class="small" onClick={() => refine({ route: '' })}>
            Show all routes
          </button>
        </p>
      )}
      <Data from={read}>{(traces) => <Found traces={traces} />}</Data>
    </>
  );
}

function Found({ traces: { items, isRecording, sampled, nextCursor } }: { traces: Traces }) {
  if (items.length === 0) {
    return (
      <Empty title={isRecording ? 'No trace matches' : 'No traces are recorded'}>
        {isRecording ? `${percent(sampled)} of the requests are recorded. ` : 'The share of traces is 0. '}
        <Link page="switches">Change the share of traces</Link>
      </Empty>
    );
  }
  return (
    <>
      <p class="quiet" role="status">
        {counted(items.length, 'trace')}
        {nextCursor === null ? '' : ', and older ones'};{' '}
        {isRecording ? `${percent(sampled)} of the requests are recorded` : 'recording is off'}
      </p>
      <Table
        label="Traces"
        rows={items}
        columns={columns}
        keyOf={({ traceId }) => traceId}
        toneOf={({ status }) => (status === 'error' ? 'bad' : 'none')}
      />
    </>
  );
}
