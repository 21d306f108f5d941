// One worker: its loop and heap, the requests that it has in flight, and its CPU profile.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, pathOf, read } from '../core/api.js';
import { ago, count, ms, percent, plain } from '../core/format.js';
import { workerHistory } from '../core/history.js';
import { place } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { Flight, Worker } from '../core/types.js';
import { useLive, useRead } from '../core/use-live.js';
import { Flame } from '../draw/flame.js';
import { type CpuProfile, isCpuProfile } from '../draw/profile.js';
import { Chart } from '../parts/chart.js';
import { Data, Empty, Failure } from '../parts/states.js';
import { Table } from '../parts/table.js';
import { Badge, Choice, Figure, Heading, Link, Section } from '../parts/ui.js';
import { Current } from './workers.js';

export function WorkerPage() {
  const { id = '' } = useSignal(place).query;
  const live = useLive<readonly Worker[]>('workers');
  return (
    <>
      <Heading title={`Worker ${id}`} />
      <p>
        <Link page="workers">All workers</Link>
      </p>
      <Data from={live}>
        {(workers) => {
          const worker = workers.filter((one) => String(one.id) === id).at(-1);
          return worker === undefined ? (
            <Empty title="There is no such worker">It may have been replaced meanwhile.</Empty>
          ) : (
            <WorkerFigures worker={worker} />
          );
        }}
      </Data>
      <Flights worker={id} />
      <Profile worker={id} key={id} />
    </>
  );
}

function WorkerFigures({ worker }: { worker: Worker }) {
  const [times = [], loop = [], delay = [], heap = []] = workerHistory(worker).columns;
  return (
    <>
      <p>
        <Badge state={worker.state} /> {plain(worker.kind)}, generation {worker.generation}, started{' '}
        {ago(worker.startedAt)}. Runs now: <Current current={worker.current} />
      </p>
      <dl class="figures">
        <Figure label="Loop busy" value={percent(worker.loopUtilization)} />
        <Figure label="Loop delay p99" value={ms(worker.loopDelayP99Ms)} />
        <Figure label="Heap" value={`${Math.round(worker.heapUsedMb)} MiB`} />
        <Figure label="Connections" value={count(worker.connections)} />
        <Figure label="In flight" value={count(worker.inFlight)} />
        <Figure label="Requests" value={count(worker.requests)} />
      </dl>
      <div class="charts">
        <Chart
          title="Event loop"
          columns={[times, loop]}
          lines={[{ name: 'busy', colour: 'blue', isFilled: true }]}
          format={percent}
        />
        <Chart
          title="Loop delay"
          columns={[times, delay]}
          lines={[{ name: 'p99', colour: 'violet' }]}
          format={ms}
          least={10}
        />
        <Chart
          title="Heap"
          columns={[times, heap]}
          lines={[{ name: 'used', colour: 'teal', isFilled: true }]}
          format={(value) => `${Math.round(value ?? 0)} MiB`}
          least={32}
        />
      </div>
    </>
  );
}

function Flights({ worker }: { worker: string }) {
  const flights = useRead<{ readonly items: readonly Flight[] }>(pathOf('/flights', { worker }), {
    everyMs: 1_000,
  });
  return (
    <Section title="Flight record" note="requests in flight first, then those that ended last">
      <Data from={flights}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No request yet">The record is empty until the worker gets a request.</Empty>
          ) : (
            <Table
              label="Flight record"
              rows={items.map((flight, index) => ({ ...flight, index }))}
              keyOf={({ index }) => String(index)}
              toneOf={({ status, ageMs }) => (status === null && ageMs > 500 ? 'bad' : 'none')}
              columns={[
                {
                  key: 'state',
                  title: 'State',
                  cell: ({ status }) =>
                    status === null ? (
                      <Badge state="in flight" tone="info" />
                    ) : (
                      <Badge state={String(status)} />
                    ),
                },
                {
                  key: 'route',
                  title: 'Route',
                  cell: ({ method, route }) => (
                    <span class="mono">
                      {plain(method)} {plain(route ?? 'no route')}
                    </span>
                  ),
                },
                { key: 'age', title: 'Begun before', isNumber: true, cell: ({ ageMs }) => ms(ageMs) },
                { key: 'took', title: 'Took', isNumber: true, cell: ({ durationMs }) => ms(durationMs) },
                {
                  key: 'id',
                  title: 'Request id',
                  from: 'medium',
                  cell: ({ requestId }) => <span class="mono quiet">{plain(requestId ?? '–')}</span>,
                },
              ]}
            />
          )
        }
      </Data>
    </Section>
  );
}

type Profiling =
  | { readonly kind: 'none' }
  | { readonly kind: 'running' }
  | { readonly kind: 'failed'; readonly error: ApiError }
  | { readonly kind: 'done'; readonly profile: CpuProfile; readonly address: string };

function Profile({ worker }: { worker: string }) {
  const [seconds, setSeconds] = useState('5');
  const [state, setState] = useState<Profiling>({ kind: 'none' });
  const abort = useRef<AbortController | null>(null);
  useEffect(() => () => abort.current?.abort(), []);
  useEffect(() => {
    const { address } = state.kind === 'done' ? state : { address: undefined };
    return () => {
      if (address !== undefined) URL.revokeObjectURL(address);
    };
  }, [state]);
  const record = async (): Promise<void> => {
    abort.current = new AbortController();
    setState({ kind: 'running' });
    setState(await profileOf(worker, seconds, abort.current.signal));
  };
  return (
    <Section
      title="CPU profile"
      note="samples the worker while it serves; it works for a stalled worker too"
      actions={
        <>
          <Choice
            label="Seconds"
            value={seconds}
            options={['1', '5', '10', '30'].map((one) => [one, one] as const)}
            change={setSeconds}
          />
          <button type="button" disabled={state.kind === 'running'} onClick={() => void record()}>
            {state.kind === 'running' ? 'Recording' : 'Record'}
          </button>
          {state.kind === 'done' ? (
            <a href={state.address} download={`worker-${worker}.cpuprofile`}>
              Download .cpuprofile
            </a>
          ) : null}
        </>
      }
    >
      {state.kind === 'none' ? (
        <Empty title="No profile yet">Record one to see which functions take the time of this worker.</Empty>
      ) : null}
      {state.kind === 'running' ? <p role="status">Recording for {seconds} s.</p> : null}
      {state.kind === 'failed' ? <Failure error={state.error} retry={() => void record()} /> : null}
      {state.kind === 'done' ? <Flame profile={state.profile} /> : null}
    </Section>
  );
}

/** Time for the profile to be collected and sent, after it was recorded. */
const COLLECTION_MS = 30_000;

async function profileOf(worker: string, seconds: string, signal: AbortSignal): Promise<Profiling> {
  try {
    const path = pathOf(`/workers/${encodeURIComponent(worker)}/profile`, { seconds });
    const profile = await read<unknown>(path, signal, Number(seconds) * 1_000 + COLLECTION_MS);
    if (!isCpuProfile(profile)) throw new ApiError('The profile is not a .cpuprofile.');
    const address = URL.createObjectURL(new Blob([JSON.stringify(profile)], { type: 'application/json' }));
    return { kind: 'done', profile, address };
  } catch (error) {
    return { kind: 'failed', error: error instanceof ApiError ? error : new ApiError(String(error)) };
  }
}
