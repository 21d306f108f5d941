// The settings in effect. Secrets come masked.
import { useState } from 'preact/hooks';
import { count, counted, plain } from '../core/format.js';
import type { Setting } from '../core/types.js';
import { useRead } from '../core/use-live.js';
import { Data, Empty } from '../parts/states.js';
import { type Column, Table } from '../parts/table.js';
import { Badge, Choice, Heading, Search } from '../parts/ui.js';

const textOf = (value: unknown): string =>
  value === null || value === undefined || value === '' ? '–' : plain(value);

const isSet = ({ source }: Setting): boolean => source !== 'default';

const columns: readonly Column<Setting>[] = [
  {
    key: 'name',
    title: 'Setting',
    cell: ({ name }) => <span class="mono">{plain(name)}</span>,
    by: ({ name }) => name,
  },
  {
    key: 'value',
    title: 'Value',
    cell: (one) => (
      <span class={isSet(one) ? 'mono strong' : 'mono'}>
        {textOf(one.value)}
        {one.unit === null || one.unit === undefined ? '' : ` ${plain(one.unit)}`}
      </span>
    ),
  },
  {
    key: 'source',
    title: 'From',
    cell: (one) => <Badge state={one.source} tone={isSet(one) ? 'info' : 'none'} />,
    by: ({ source }) => source,
  },
  {
    key: 'default',
    title: 'Default',
    from: 'medium',
    cell: (one) => <span class="mono quiet">{textOf(one.default)}</span>,
  },
  {
    key: 'meaning',
    title: 'Meaning',
    from: 'wide',
    cell: ({ meaning }) => <span class="wrap">{plain(meaning)}</span>,
  },
];

export function SettingsPage() {
  const [search, setSearch] = useState('');
  const [which, setWhich] = useState('');
  const read = useRead<{ readonly items: readonly Setting[] }>('/settings');
  return (
    <>
      <Heading title="Settings">
        <Choice
          label="Show"
          value={which}
          options={[
            ['', 'all'],
            ['set', 'changed ones'],
          ]}
          change={setWhich}
        />
        <Search label="Search" value={search} change={setSearch} placeholder="name or meaning" />
      </Heading>
      <Data from={read}>
        {({ items }) => {
          const text = search.trim().toLowerCase();
          const shown = items.filter(
            (one) =>
              (which === '' || isSet(one)) && `${one.name} ${one.meaning}`.toLowerCase().includes(text),
          );
          return shown.length === 0 ? (
            <Empty title="No setting matches" />
          ) : (
            <>
              <p class="quiet">
                {count(shown.length)} of {counted(items.length, 'setting')}. Secrets are masked.
              </p>
              <Table label="Settings" rows={shown} columns={columns} keyOf={({ name }) => name} />
            </>
          );
        }}
      </Data>
    </>
  );
}
