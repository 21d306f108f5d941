// One service: its instances with their health and load, of which there may be thousands.
import { useMemo, useState } from 'preact/hooks';
import { command } from '../core/api.js';
import { act, ask } from '../core/ask.js';
import { ago, count, counted, ms, plain } from '../core/format.js';
import { place } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { Instance } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Choice, Heading, Link, Search, toneOf } from '../parts/ui.js';

const STATES = ['healthy', 'starting', 'unhealthy', 'ejected', 'draining'];

const STATE_COLUMNS: readonly Column<Instance>[] = [
  {
    key: 'id',
    title: 'Instance',
    cell: ({ id }) => <span class="mono">{plain(id)}</span>,
    by: ({ id }) => id,
  },
  {
    key: 'state',
    title: 'State',
    cell: ({ state, ejectedUntil }) => (
      <>
        <Badge state={state} />
        {ejectedUntil === null ? null : (
          <span class="quiet"> until {plain(ejectedUntil.slice(11, 19))} UTC</span>
        )}
      </>
    ),
    by: ({ state }) => STATES.indexOf(state),
  },
];

const LOAD_COLUMNS: readonly Column<Instance>[] = [
  {
    key: 'address',
    title: 'Address',
    from: 'medium',
    cell: ({ host, port, protocol }) => (
      <span class="mono">
        {plain(protocol)}://{plain(host)}:{port}
      </span>
    ),
    by: ({ host, port }) => `${host}:${port}`,
  },
  numberColumn('weight', 'Weight', ({ weight }) => weight),
  numberColumn('flight', 'In flight', ({ inFlight }) => inFlight),
  numberColumn('latency', 'Latency', ({ ewmaMs }) => ewmaMs, ms),
  {
    key: 'zone',
    title: 'Zone',
    from: 'wide',
    cell: ({ zone }) => plain(zone ?? '–'),
    by: ({ zone }) => zone,
  },
  {
    key: 'version',
    title: 'Version',
    from: 'wide',
    cell: ({ version }) => plain(version ?? '–'),
    by: ({ version }) => version,
  },
  {
    key: 'heartbeat',
    title: 'Renewed',
    from: 'wide',
    cell: ({ lastHeartbeat }) => (lastHeartbeat === null ? '–' : ago(lastHeartbeat)),
    by: ({ lastHeartbeat }) => lastHeartbeat,
  },
];

const columnsFor = (service: string, reload: () => void): readonly Column<Instance>[] => [
  ...STATE_COLUMNS,
  ...LOAD_COLUMNS,
  {
    key: 'drain',
    title: '',
    cell: ({ id, state }) =>
      state === 'draining' ? null : (
        <button
          type="button"
          class="small"
          aria-label={`Drain ${plain(id)}`}
          onClick={() => void drain(service, id).then(reload)}
        >
          Drain
        </button>
      ),
  },
];

export function ServicePage() {
  const { name = '', state = '' } = useSignal(place).query;
  const [wanted, setState] = useState(state);
  const [search, setSearch] = useState('');
  const read = useRead<{ readonly instances: readonly Instance[] }>(
    `/registry/v1/services/${encodeURIComponent(name)}`,
    { everyMs: 2_000 },
  );
  const columns = useMemo(() => columnsFor(name, read.reload), [name, read.reload]);
  const instances = read.data?.instances;
  const shown = useMemo(() => filtered(instances ?? [], wanted, search), [instances, wanted, search]);
  return (
    <>
      <Heading title={name}>
        <Choice
          label="State"
          value={wanted}
          options={[['', 'all states'], ...STATES.map((one) => [one, one] as const)]}
          change={setState}
        />
        <Search label="Search" value={search} change={setSearch} placeholder="id, address, zone or version" />
      </Heading>
      <p>
        <Link page="services">All services</Link> · <Link page="calls">Calls</Link> ·{' '}
        <Link page="breakers" query={{ search: name }}>
          Breakers
        </Link>
      </p>
      <Data from={read}>
        {() =>
          shown.length === 0 ? (
            <Empty title={instances?.length === 0 ? 'The service has no instance' : 'No instance matches'}>
              {instances?.length === 0
                ? 'Calls to it fail with NO_INSTANCE until one is registered.'
                : 'Choose another state, or search for something else.'}
            </Empty>
          ) : (
            <>
              <p class="quiet" role="status">
                {count(shown.length)} of {counted(instances?.length, 'instance')}
              </p>
              <Table
                label={`Instances of ${plain(name)}`}
                rows={shown}
                columns={columns}
                keyOf={({ id }) => id}
                toneOf={(one) => toneOf(one.state)}
              />
            </>
          )
        }
      </Data>
    </>
  );
}

function filtered(instances: readonly Instance[], state: string, search: string): readonly Instance[] {
  const text = search.trim().toLowerCase();
  return instances.filter(
    (one) =>
      (state === '' || one.state === state) &&
      (text === '' ||
        `${one.id} ${one.host}:${one.port} ${one.zone ?? ''} ${one.version ?? ''}`
          .toLowerCase()
          .includes(text)),
  );
}

async function drain(service: string, id: string): Promise<void> {
  const values = await ask({
    title: `Drain ${id}?`,
    text: `The instance of ${service} gets no new calls. Calls that have begun are finished. It can be undone only by a new registration.`,
    confirm: 'Drain',
    isDangerous: true,
  });
  if (values === null) return;
  const path = `/registry/v1/services/${encodeURIComponent(service)}/instances/${encodeURIComponent(id)}/drain`;
  await act(`Instance ${id} is draining.`, () => command('PUT', path));
}
