// What bounds the work of the process now, and what was refused.
import { type Bound, boundsOf } from '../core/bounds.js';
import { bytes, count, plain } from '../core/format.js';
import type { Limits } from '../core/types.js';
import { useLive } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, numberColumn, Table } from '../parts/table.js';
import { Badge, Heading, Link, Meter, Section } from '../parts/ui.js';

export function LimitsPage() {
  const live = useLive<Limits>('limits');
  return (
    <>
      <Heading title="Limits" />
      <Data from={live}>
        {(limits) => (
          <>
            <Section title="In use">
              <Bounds bounds={boundsOf(limits)} />
            </Section>
            <Shedding concurrency={limits.concurrency} />
            <Rates rates={limits.rateLimits} />
          </>
        )}
      </Data>
    </>
  );
}

const Bounds = ({ bounds }: { bounds: readonly Bound[] }) => (
  <ul class="saturation">
    {bounds.map(({ name, used, limit, unit, note, isHarmless }) => {
      const show = unit === 'bytes' ? bytes : count;
      return (
        <li key={name}>
          <span>{plain(name)}</span>
          <Meter
            ratio={limit === null || limit === 0 ? null : used / limit}
            label={name}
            isHarmless={isHarmless ?? false}
          />
          <span class="quiet number">
            {show(used)}
            {limit === null ? '' : ` of ${show(limit)}`}
            {note === undefined ? '' : `, ${note}`}
          </span>
        </li>
      );
    })}
  </ul>
);

type Concurrency = Limits['concurrency'];

const routeColumns: readonly Column<Concurrency['routes'][number]>[] = [
  {
    key: 'name',
    title: 'Route',
    cell: ({ name }) => <span class="mono">{plain(name)}</span>,
    by: ({ name }) => name,
  },
  numberColumn('flight', 'In flight', ({ inFlight }) => inFlight),
];

function Shedding({ concurrency: { workers, shed, routes } }: { concurrency: Concurrency }) {
  const shedding = workers.filter((worker) => worker.shedding);
  return (
    <>
      <Section
        title="Shedding"
        note="refused requests and connections, those with faults of clients included"
      >
        <p>
          {shedding.length === 0 ? (
            'No worker sheds requests now.'
          ) : (
            <>
              <Badge state="shedding" tone="bad" /> {shedding.length === 1 ? 'Worker' : 'Workers'}{' '}
              {shedding.map(({ id }) => id).join(', ')} {shedding.length === 1 ? 'sheds' : 'shed'} requests
              now.
            </>
          )}
        </p>
        <Counts counts={shed} label="Refused by reason" none="Nothing was refused since the start." />
      </Section>
      <Section title="Routes in flight" actions={<Link page="switches">Switch routes off</Link>}>
        {routes.length === 0 ? (
          <Empty title="No route has had a request yet" />
        ) : (
          <Table
            label="Routes in flight"
            rows={routes}
            keyOf={({ name }) => name}
            sortedBy="flight"
            columns={routeColumns}
          />
        )}
      </Section>
    </>
  );
}

const Rates = ({ rates }: { rates: Limits['rateLimits'] }) => (
  <Section title="Rate limits">
    <ul class="chips">
      <li class="chip">
        default <b>{rates.default === null ? 'none' : plain(rates.default)}</b>
      </li>
      <li class="chip">
        scope <b>{plain(rates.scope)}</b>
      </li>
      {rates.named.map(({ name, limit }) => (
        <li class="chip" key={name}>
          {plain(name)} <b>{plain(limit)}</b>
        </li>
      ))}
    </ul>
    <Counts counts={rates.refused} label="Refused by limit" none="No limit has refused a request." />
  </Section>
);

export function Counts({
  counts,
  label,
  none,
}: {
  counts: Readonly<Record<string, number>>;
  label: string;
  none: string;
}) {
  const entries = Object.entries(counts).filter(([, number]) => number > 0);
  if (entries.length === 0) return <p class="quiet">{none}</p>;
  return (
    <ul class="chips" aria-label={label}>
      <li class="chip-label quiet">{label}</li>
      {entries.map(([name, number]) => (
        <li class="chip tone-warn" key={name}>
          {plain(name)} <b>{count(number)}</b>
        </li>
      ))}
    </ul>
  );
}
