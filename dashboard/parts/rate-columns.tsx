// The columns of rates that several tables have.
import { rate } from '../core/format.js';
import type { Column } from './table.js';

interface Rates {
  readonly perSecond: number;
  readonly errorsPerSecond: number;
}

/** @param title of the rate, e.g. `Req/s` */
export const rateColumns = (title: string): readonly Column<Rates>[] => [
  {
    key: 'rate',
    title,
    isNumber: true,
    cell: ({ perSecond }) => rate(perSecond),
    by: ({ perSecond }) => perSecond,
  },
  {
    key: 'errors',
    title: 'Errors/s',
    isNumber: true,
    cell: ({ errorsPerSecond }) => (
      <span class={errorsPerSecond > 0 ? 'ink-bad' : ''}>{rate(errorsPerSecond)}</span>
    ),
    by: ({ errorsPerSecond }) => errorsPerSecond,
  },
];
