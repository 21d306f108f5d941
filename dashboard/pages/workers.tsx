// The workers: how busy their event loops are, and what they run now.
import { command } from '../core/api.js';
import { act, ask } from '../core/ask.js';
import { ago, count, ms, percent, plain } from '../core/format.js';
import { hrefOf } from '../core/place.js';
import type { Worker } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Heading, Meter, toneOf } from '../parts/ui.js';

/** A route that runs for longer without a pause is marked. */
export const LONG_MS = 200;

const columns: readonly Column<Worker>[] = [
  {
    key: 'id',
    title: 'Worker',
    cell: ({ id, generation }) => (
      <a href={hrefOf('worker', { id })}>
        Worker {id} <span class="quiet">generation {generation}</span>
      </a>
    ),
    by: ({ id }) => id,
  },
  { key: 'kind', title: 'Kind', from: 'wide', cell: ({ kind }) => plain(kind), by: ({ kind }) => kind },
  { key: 'state', title: 'State', cell: ({ state }) => <Badge state={state} />, by: ({ state }) => state },
  {
    key: 'current',
    title: 'Runs now',
    cell: ({ current }) => <Current current={current} />,
    by: ({ current }) => current?.sinceMs ?? null,
  },
  {
    key: 'loop',
    title: 'Loop busy',
    isNumber: true,
    cell: ({ id, loopUtilization }) => <Meter ratio={loopUtilization} label={`Loop of worker ${id}`} />,
    by: ({ loopUtilization }) => loopUtilization,
  },
  numberColumn('delay', 'Loop delay p99', ({ loopDelayP99Ms }) => loopDelayP99Ms, ms, 'medium'),
  {
    key: 'heap',
    title: 'Heap',
    isNumber: true,
    from: 'medium',
    cell: ({ heapUsedMb }) => `${Math.round(heapUsedMb)} MiB`,
    by: ({ heapUsedMb }) => heapUsedMb,
  },
  numberColumn('connections', 'Connections', ({ connections }) => connections, count, 'wide'),
  numberColumn('flight', 'In flight', ({ inFlight }) => inFlight),
  numberColumn('requests', 'Requests', ({ requests }) => requests, count, 'wide'),
];

export const Current = ({ current }: Pick<Worker, 'current'>) =>
  current === null ? (
    <span class="quiet">idle</span>
  ) : (
    <span class={current.sinceMs >= LONG_MS ? 'ink-bad' : ''}>
      {current.route === null ? (
        'a route that is not known'
      ) : (
        <span class="mono">{plain(current.route)}</span>
      )}{' '}
      for {ms(current.sinceMs)}
    </span>
  );

export function WorkersPage() {
  const live = useLive<readonly Worker[]>('workers');
  return (
    <>
      <Heading title="Workers">
        <button type="button" onClick={() => void reload()}>
          Replace all workers
        </button>
      </Heading>
      <Data from={live}>
        {(workers) =>
          workers.length === 0 ? (
            <Empty title="No worker runs">The process accepts no requests. Its log says why.</Empty>
          ) : (
            <>
              <Table
                label="Workers"
                rows={workers}
                columns={columns}
                keyOf={({ id, generation }) => `${id}.${generation}`}
                toneOf={({ state }) => toneOf(state)}
              />
              <p class="quiet">
                Mean utilization of the loops: {percent(mean(workers.map((one) => one.loopUtilization)))}. The
                oldest worker started {ago(workers.flatMap(({ startedAt }) => startedAt ?? []).sort()[0])}.
              </p>
            </>
          )
        }
      </Data>
    </>
  );
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, one) => sum + one, 0) / Math.max(1, values.length);

async function reload(): Promise<void> {
  const values = await ask({
    title: 'Replace all workers?',
    text: 'Each worker is replaced by a new thread, one after the other. Requests in flight are finished first.',
    confirm: 'Replace workers',
  });
  if (values !== null) await act('The workers are being replaced.', () => command('POST', '/workers/reload'));
}
