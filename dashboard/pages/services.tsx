// The services, and how their instances are.
import { count, plain } from '../core/format.js';
import { hrefOf } from '../core/place.js';
import type { Page, Service } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { rateColumns } from '../parts/rate-columns.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Heading } from '../parts/ui.js';

const columns: readonly Column<Service>[] = [
  {
    key: 'service',
    title: 'Service',
    cell: ({ service }) => <a href={hrefOf('service', { name: service })}>{plain(service)}</a>,
    by: ({ service }) => service,
  },
  {
    key: 'local',
    title: 'Served',
    from: 'medium',
    cell: ({ local }) => (local ? 'in this process' : 'elsewhere'),
    by: ({ local }) => (local ? 0 : 1),
  },
  numberColumn('instances', 'Instances', ({ instances }) => instances),
  {
    key: 'states',
    title: 'States',
    cell: ({ states }) => (
      <span class="badges">
        {Object.entries(states)
          .filter(([, number]) => number > 0)
          .map(([state, number]) => (
            <Badge key={state} state={`${count(number)} ${state}`} tone={stateTone(state)} />
          ))}
      </span>
    ),
    by: ({ states, instances }) => (instances === 0 ? 1 : 1 - (states.healthy ?? 0) / instances),
  },
  ...rateColumns('Calls/s'),
];

const stateTone = (state: string): 'good' | 'info' | 'bad' =>
  state === 'healthy' ? 'good' : state === 'starting' || state === 'draining' ? 'info' : 'bad';

export function ServicesPage() {
  const live = useLive<Page<Service>>('services');
  return (
    <>
      <Heading title="Services" />
      <Data from={live}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No service is known">
              Services of this process and registered instances of others appear here.
            </Empty>
          ) : (
            <Table
              label="Services"
              rows={items}
              columns={columns}
              keyOf={({ service }) => service}
              sortedBy="states"
            />
          )
        }
      </Data>
    </>
  );
}
