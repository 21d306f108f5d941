// The columns of rates that several tables have.
import { rate } from '../core/format.js';
import { type Column, inRed, numberColumn } from './table.js';

interface Rates {
  readonly perSecond: number;
  readonly errorsPerSecond: number;
}

/** @param title of the rate, e.g. `Req/s` */
export const rateColumns = (title: string): readonly Column<Rates>[] => [
  numberColumn('rate', title, ({ perSecond }) => perSecond, rate),
  numberColumn('errors', 'Errors/s', ({ errorsPerSecond }) => errorsPerSecond, inRed(rate)),
];
