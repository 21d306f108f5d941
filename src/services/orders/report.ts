// The sales report: one line for each product that was ever ordered. The orders are read in pages, product by
// product, and each page is summed up on the CPU pool. So this thread holds one page at a time, however many
// orders and products there are, and no database connection waits for a slow client. Orders that arrive
// meanwhile are in the report if their product comes later.
import type { Cpu, Queryable } from 'multilane';
import { CELLS, HEADER, type OrderPage, type ProductTotal, type ReportPart } from './report-lines.js';
import { ordersByProduct, type SoldOrder } from './store.js';

/** The orders of a page: a few hundred kB as rows, and a few milliseconds on the pool. */
const PAGE = 2_000;

/** Where the next page begins. */
interface Progress {
  readonly after: SoldOrder | undefined;
  readonly open: ProductTotal | undefined;
  readonly isDone: boolean;
}

/**
 * Begins the report. The first page is computed before the promise resolves, so that a failure of the
 * database or the pool is a problem response, not a broken file.
 */
export async function salesReport(db: Queryable, cpu: Cpu): Promise<AsyncIterable<string>> {
  const first = await nextPart(db, cpu, { after: undefined, open: undefined, isDone: false });
  return (async function* () {
    yield HEADER + first.csv;
    for (let { progress } = first; !progress.isDone; ) {
      const part = await nextPart(db, cpu, progress);
      if (part.csv !== '') yield part.csv;
      ({ progress } = part);
    }
  })();
}

async function nextPart(
  db: Queryable,
  cpu: Cpu,
  { after, open }: Progress,
): Promise<{ readonly csv: string; readonly progress: Progress }> {
  const orders = await ordersByProduct(db, PAGE, after);
  const isLast = orders.length < PAGE;
  const cells = cellsOf(orders);
  const page: OrderPage = { cells, open, isLast };
  // The task is named, not given as a function: its module would be loaded here, with the PDF library.
  const part = await cpu.run<ReportPart>('reportLines', page, { priority: 'low', transfer: [cells.buffer] });
  return { csv: part.csv, progress: { after: orders.at(-1), open: part.open, isDone: isLast } };
}

function cellsOf(orders: readonly SoldOrder[]): Float64Array<ArrayBuffer> {
  const cells = new Float64Array(orders.length * CELLS);
  for (const [n, { productId, quantity, isConfirmed, createdAtMs }] of orders.entries()) {
    cells.set([productId, quantity, isConfirmed ? 1 : 0, createdAtMs], n * CELLS);
  }
  return cells;
}
