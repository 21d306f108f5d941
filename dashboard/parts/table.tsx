// A table that can be sorted. Of long ones only the rows in view are in the document.
import type { ComponentChildren } from 'preact';
import { useMemo, useRef, useState } from 'preact/hooks';
import { count, counted } from '../core/format.js';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What the column is sorted by. Null goes last. Without it the column cannot be sorted. */
  readonly by?: (row: Row) => number | string | null;
  readonly isNumber?: boolean;
  /** Screens on which it is shown: all, those of at least 640, or of at least 1440 pixels. @default 'all' */
  readonly from?: 'all' | 'medium' | 'wide';
  readonly isNarrow?: boolean;
}

/**
 * A column of numbers, sorted by the number that it shows.
 * @param show makes the text of a number
 */
export const numberColumn = <Row,>(
  key: string,
  title: string,
  by: (row: Row) => number | null,
  show: (value: number | null) => ComponentChildren = count,
  from: Column<Row>['from'] = 'all',
): Column<Row> => ({ key, title, by, from, isNumber: true, cell: (row) => show(by(row)) });

/** Shows a number that should be 0 in red where it is not. */
export const inRed =
  (show: (value: number | null) => string) =>
  (value: number | null): ComponentChildren => (
    <span class={value !== null && value > 0 ? 'ink-bad' : ''}>{show(value)}</span>
  );

interface TableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  readonly sortedBy?: string;
  readonly toneOf?: (row: Row) => string;
}

const ROW_PX = 37;
/** Tables with more rows scroll by themselves. */
const MOST_ROWS = 120;
/** Rows that are ready above and below those in view. */
const MARGIN_ROWS = 10;
const VIEW_PX = 620;

interface Order {
  readonly key: string;
  readonly isAscending: boolean;
}

export function Table<Row>(props: TableProps<Row>) {
  const { label, rows, columns, keyOf, sortedBy } = props;
  const [order, setOrder] = useState<Order | null>(
    sortedBy === undefined ? null : { key: sortedBy, isAscending: false },
  );
  const [top, setTop] = useState(0);
  const box = useRef<HTMLElement>(null);
  const sorted = useMemo(() => sort(rows, columns, order), [rows, order]);
  const isLong = sorted.length > MOST_ROWS;
  const first = isLong ? Math.max(0, Math.floor(top / ROW_PX) - MARGIN_ROWS) : 0;
  const last = isLong
    ? Math.min(sorted.length, Math.ceil((top + VIEW_PX) / ROW_PX) + MARGIN_ROWS)
    : sorted.length;
  const scroll = (): void => {
    const at = box.current?.scrollTop ?? 0;
    // A new rendering is needed only when other rows come into view.
    if (isLong && Math.abs(at - top) > (ROW_PX * MARGIN_ROWS) / 2) setTop(at);
  };
  return (
    <section
      class={isLong ? 'table-box long' : 'table-box'}
      ref={box}
      onScroll={scroll}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard
      tabIndex={0}
      aria-label={isLong ? `${label}, ${counted(sorted.length, 'row')}` : label}
    >
      <table aria-rowcount={sorted.length + 1}>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.key} column={column} order={order} setOrder={setOrder} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} columns={columns.length} />
          {sorted.slice(first, last).map((row, index) => (
            <tr
              key={keyOf(row)}
              aria-rowindex={isLong ? first + index + 2 : undefined}
              class={props.toneOf === undefined ? '' : `row-${props.toneOf(row)}`}
            >
              {columns.map((column) => (
                <td key={column.key} class={classOf(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Gap rows={sorted.length - last} columns={columns.length} />
        </tbody>
      </table>
    </section>
  );
}

/** The space of the rows that are not in the document. */
const Gap = ({ rows, columns }: { rows: number; columns: number }) =>
  rows <= 0 ? null : (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row cannot be focused
    <tr aria-hidden="true" class="gap">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  );

interface HeadProps<Row> {
  readonly column: Column<Row>;
  readonly order: Order | null;
  readonly setOrder: (order: Order) => void;
}

function Head<Row>({ column, order, setOrder }: HeadProps<Row>) {
  const { key, title, by, isNumber = false } = column;
  const direction = order?.key === key ? (order.isAscending ? 'ascending' : 'descending') : undefined;
  const turn = (): void =>
    setOrder({ key, isAscending: direction === undefined ? !isNumber : direction === 'descending' });
  return (
    <th scope="col" class={classOf(column)} aria-sort={by === undefined ? undefined : (direction ?? 'none')}>
      {by === undefined ? (
        title === '' ? (
          <span class="unseen">Actions</span>
        ) : (
          title
        )
      ) : (
        <button type="button" class="sort" onClick={turn}>
          {title}
          <span aria-hidden="true" class="arrow">
            {direction === undefined ? '' : direction === 'ascending' ? '▲' : '▼'}
          </span>
        </button>
      )}
    </th>
  );
}

const classOf = <Row,>({ isNumber = false, isNarrow = false, from = 'all' }: Column<Row>): string =>
  [isNumber ? 'number' : '', isNarrow ? 'narrow' : '', from === 'all' ? '' : `from-${from}`]
    .filter((one) => one !== '')
    .join(' ');

function sort<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: Order | null,
): readonly Row[] {
  const by = columns.find(({ key }) => key === order?.key)?.by;
  if (by === undefined || order === null) return rows;
  const sign = order.isAscending ? 1 : -1;
  const keyed = rows.map((row) => ({ row, key: by(row) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null ? 1 : 0) - (b.key === null ? 1 : 0);
    if (a.key === b.key) return 0;
    return a.key < b.key ? -sign : sign;
  });
  return keyed.map(({ row }) => row);
}
