// The routes with their rates, durations, stalls and shares of the CPU.
import { useState } from 'preact/hooks';
import { pathOf } from '../core/api.js';
import { count, ms, percent } from '../core/format.js';
import { hrefOf, place, refine } from '../core/place.js';
import { useSignal } from '../core/signal.js';
import type { RouteRow, Routes } from '../core/types.js';
import { useLive, useRead } from '../core/use-live.js';
import { rateColumns } from '../parts/rate-columns.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, inRed, numberColumn, Table } from '../parts/table.js';
import { Badge, Heading, Meter, RouteName, Search } from '../parts/ui.js';

/** The event stream has the 200 busiest routes; a search covers all of them. */
const PAGE = 200;

export const routeColumns: readonly Column<RouteRow>[] = [
  {
    key: 'route',
    title: 'Route',
    cell: ({ method, route, off }) => (
      <>
        <a href={hrefOf('route', { method, route })}>
          <RouteName method={method} route={route} />
        </a>
        {off ? <Badge state="off" /> : null}
      </>
    ),
    by: ({ route, method }) => `${route} ${method}`,
  },
  ...rateColumns('Req/s'),
  numberColumn('p50', 'p50', ({ p50Ms }) => p50Ms, ms, 'medium'),
  numberColumn('p99', 'p99', ({ p99Ms }) => p99Ms, ms),
  numberColumn('max', 'Max', ({ maxMs }) => maxMs, ms, 'wide'),
  numberColumn('stalls', 'Stalls', ({ stalls }) => stalls, inRed(count)),
  {
    key: 'cpu',
    title: 'CPU share',
    isNumber: true,
    cell: ({ cpuRatio, route }) =>
      cpuRatio === null ? (
        '–'
      ) : (
        <Meter ratio={cpuRatio} label={`CPU share of ${route}`} text={percent(cpuRatio)} />
      ),
    by: ({ cpuRatio }) => cpuRatio,
  },
  numberColumn('flight', 'In flight', ({ inFlight }) => inFlight, count, 'medium'),
];

export const routeKey = ({ method, route }: Pick<RouteRow, 'method' | 'route'>): string =>
  `${method} ${route}`;

export function RoutesPage() {
  const { search = '' } = useSignal(place).query;
  const [text, setText] = useState(search);
  const live = useLive<Routes>('routes');
  const found = useRead<Routes>(search === '' ? null : pathOf('/routes', { limit: PAGE, search }), {
    everyMs: 2_000,
  });
  const change = (now: string): void => {
    setText(now);
    refine({ search: now.trim() });
  };
  return (
    <>
      <Heading title="Routes">
        <Search label="Search" value={text} change={change} placeholder="part of a route" />
      </Heading>
      <Data from={search === '' ? live : found}>
        {({ items, nextCursor }) =>
          items.length === 0 ? (
            <Empty title={search === '' ? 'No route has had a request yet' : 'No route matches'}>
              {search === ''
                ? 'Send a request to the data plane, and its route appears within a second.'
                : 'The search looks for a part of the template, such as “orders”.'}
            </Empty>
          ) : (
            <>
              <Table label="Routes" rows={items} columns={routeColumns} keyOf={routeKey} sortedBy="rate" />
              {nextCursor === null ? null : (
                <p class="quiet">The {PAGE} busiest routes are shown. Search for the others.</p>
              )}
            </>
          )
        }
      </Data>
    </>
  );
}
