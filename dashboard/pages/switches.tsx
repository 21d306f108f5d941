// What an operator can change while the process runs. A change is in force for the next request of every
// worker, and ends with the process.
import { useState } from 'preact/hooks';
import { command } from '../core/api.js';
import { act, ask, type QuestionField, REASON, reasonIn } from '../core/ask.js';
import { ago, percent, plain } from '../core/format.js';
import type { RouteSwitch, Switches } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { Badge, Heading, RouteName, Search, Section } from '../parts/ui.js';
import { switchRoute } from './switch-route.js';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent', 'auto'];

interface Change {
  readonly title: string;
  readonly text: string;
  readonly field: QuestionField;
  readonly path: string;
  readonly bodyOf: (value: string) => Readonly<Record<string, unknown>>;
}

async function change({ title, text, field, path, bodyOf }: Change): Promise<void> {
  const values = await ask({ title, text, confirm: 'Change', fields: [field, REASON] });
  if (values === null) return;
  const value = (values[field.name] ?? '').trim();
  await act(`${title.replace('Change the ', '')}: ${value}`, () =>
    command('PUT', path, { ...bodyOf(value), ...reasonIn(values) }),
  );
}

const numberOrAuto = (text: string): number | string => (text === 'auto' ? text : Number(text));

const changes = ({ logLevel, sampling, cpuThreads, requestLog }: Switches): readonly Change[] => [
  {
    title: 'Change the log level',
    text: 'Lines below this level are not written, in all threads.',
    path: '/switches/log-level',
    bodyOf: (level) => ({ level }),
    field: {
      name: 'level',
      label: 'Level',
      initial: logLevel.level,
      options: LEVELS,
      hint: 'auto returns to the setting',
    },
  },
  {
    title: 'Change the share of traces',
    text: 'The share of requests whose spans are recorded.',
    path: '/switches/sampling',
    bodyOf: (text) => ({ ratio: numberOrAuto(text) }),
    field: {
      name: 'ratio',
      label: 'Share',
      initial: String(sampling.ratio),
      hint: 'from 0 to 1, or auto for the setting',
      check: (text) => checkNumber(text, 0, 1),
    },
  },
  {
    title: 'Change the number of CPU threads',
    text: 'The CPU pool gets this number of threads. Tasks that run continue.',
    path: '/switches/cpu-threads',
    bodyOf: (text) => ({ threads: numberOrAuto(text) }),
    field: {
      name: 'threads',
      label: 'Threads',
      initial: String(cpuThreads.threads),
      hint: 'from 1 to 256, or auto for the setting',
      check: (text) => checkNumber(text, 1, 256),
    },
  },
  {
    title: 'Change the share of logged requests',
    text: 'The share of requests that get a line in the log.',
    path: '/switches/request-log',
    bodyOf: (text) => ({ ratio: numberOrAuto(text) }),
    field: {
      name: 'ratio',
      label: 'Share',
      initial: String(requestLog?.ratio ?? 0),
      hint: 'from 0 to 1, or auto for the setting',
      check: (text) => checkNumber(text, 0, 1),
    },
  },
];

function checkNumber(text: string, least: number, most: number): string | undefined {
  const value = Number(text);
  if (text.trim() === 'auto') return undefined;
  return text.trim() !== '' && value >= least && value <= most
    ? undefined
    : `This must be a number from ${least} to ${most}, or auto.`;
}

export function SwitchesPage() {
  const read = useRead<Switches>('/switches', { everyMs: 3_000 });
  return (
    <>
      <Heading title="Switches" />
      <p class="quiet">
        Changes are in force for the next request of every worker. They end with the process.
      </p>
      <Data from={read}>
        {(switches) => (
          <>
            <Values switches={switches} reload={read.reload} />
            <RouteSwitches routes={switches.routes} reload={read.reload} />
          </>
        )}
      </Data>
    </>
  );
}

/** The values that can be switched, each with its setting and its change. */
function valuesOf(switches: Switches) {
  const { logLevel, sampling, cpuThreads, requestLog } = switches;
  const [level, ratio, threads, requests] = changes(switches);
  return [
    {
      name: 'Log level',
      now: plain(logLevel.level),
      setting: plain(logLevel.setting),
      one: logLevel,
      change: level!,
    },
    {
      name: 'Share of traces',
      now: percent(sampling.ratio),
      setting: percent(sampling.setting),
      one: sampling,
      change: ratio!,
    },
    {
      name: 'CPU threads',
      now: String(cpuThreads.threads),
      setting: String(cpuThreads.setting),
      one: cpuThreads,
      change: threads!,
    },
    ...(requestLog === undefined
      ? []
      : [
          {
            name: 'Logged requests',
            now: percent(requestLog.ratio),
            setting: percent(requestLog.setting),
            one: requestLog,
            change: requests!,
          },
        ]),
  ];
}

function Values({ switches, reload }: { switches: Switches; reload: () => void }) {
  const rows = valuesOf(switches);
  return (
    <ul class="switches">
      {rows.map(({ name, now, setting, one, change: changing }) => (
        <li key={name}>
          <span>{name}</span>
          <b>{now}</b>
          <span class="quiet">
            {one.since === null
              ? 'the setting is in force'
              : `setting ${setting}; changed ${ago(one.since)}${one.reason === null ? '' : `: ${plain(one.reason)}`}`}
          </span>
          <button
            type="button"
            class="small"
            aria-label={changing.title}
            onClick={() => void change(changing).then(reload)}
          >
            Change
          </button>
        </li>
      ))}
    </ul>
  );
}

function RouteSwitches({ routes, reload }: { routes: readonly RouteSwitch[]; reload: () => void }) {
  const [search, setSearch] = useState('');
  const shown = routes
    .filter(({ route }) => route.toLowerCase().includes(search.toLowerCase()))
    .sort((a, b) => (a.state === b.state ? 0 : a.state === 'off' ? -1 : 1));
  return (
    <Section title="Routes" actions={<Search label="Search" value={search} change={setSearch} />}>
      {shown.length === 0 ? (
        <Empty title={routes.length === 0 ? 'No worker has a route yet' : 'No route matches'} />
      ) : (
        <Table
          label="Switches of routes"
          rows={shown}
          columns={columnsFor(reload)}
          keyOf={({ service, method, route }) => `${service ?? ''} ${method} ${route}`}
        />
      )}
    </Section>
  );
}

const columnsFor = (reload: () => void): readonly Column<RouteSwitch>[] => [
  {
    key: 'route',
    title: 'Route',
    cell: (one) => <RouteName method={one.method} route={one.route} />,
    by: ({ route }) => route,
  },
  {
    key: 'service',
    title: 'Service',
    from: 'medium',
    cell: ({ service }) => plain(service ?? 'no service any more'),
    by: ({ service }) => service,
  },
  { key: 'state', title: 'State', cell: ({ state }) => <Badge state={state} />, by: ({ state }) => state },
  {
    key: 'reason',
    title: 'Since',
    from: 'medium',
    cell: ({ since, reason }) =>
      since === null ? '' : `${ago(since)}${reason === null ? '' : `: ${plain(reason)}`}`,
    by: ({ since }) => since,
  },
  {
    key: 'switch',
    title: '',
    cell: (one) => (
      <button
        type="button"
        class="small"
        aria-label={`Switch ${one.state === 'on' ? 'off' : 'on'} ${plain(one.method)} ${plain(one.route)}`}
        onClick={() => void switchRoute(one, one.state === 'on' ? 'off' : 'on').then(reload)}
      >
        Switch {one.state === 'on' ? 'off' : 'on'}
      </button>
    ),
  },
];
