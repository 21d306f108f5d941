// The lines of the sales report, as a pure function: it runs on the CPU pool (tasks.ts).

/** The columns of one order in `OrderPage.cells`. */
export const CELLS = 4;

/** Some orders, ordered by product. */
export interface OrderPage {
  /** For each order: product, quantity, 1 when it is confirmed, milliseconds of its creation since 1970. */
  readonly cells: Float64Array<ArrayBuffer>;
  /** What earlier pages have of the product with which this page begins; undefined at the first page. */
  readonly open: ProductTotal | undefined;
  /** No orders follow, so the last product is complete. */
  readonly isLast: boolean;
}

export interface ProductTotal {
  readonly productId: number;
  readonly orders: number;
  readonly quantity: number;
  readonly confirmedOrders: number;
  readonly confirmedQuantity: number;
  /** Milliseconds since 1970. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface ReportPart {
  /** The lines of the products that are complete. */
  readonly csv: string;
  readonly open: ProductTotal | undefined;
}

const COLUMNS = [
  'product_id',
  'orders',
  'quantity',
  'confirmed_orders',
  'confirmed_quantity',
  'first_order_at',
  'last_order_at',
];

/** Ends every line, the last one too (RFC 4180). */
const NEWLINE = '\r\n';
export const HEADER = COLUMNS.join(',') + NEWLINE;

export function reportLines({ cells, open, isLast }: OrderPage): ReportPart {
  let csv = '';
  let total = open;
  for (let at = 0; at < cells.length; at += CELLS) {
    const next = totalOf(cells.subarray(at, at + CELLS));
    if (total?.productId === next.productId) total = sum(total, next);
    else {
      if (total !== undefined) csv += lineOf(total);
      total = next;
    }
  }
  if (!isLast || total === undefined) return { csv, open: total };
  return { csv: csv + lineOf(total), open: undefined };
}

function totalOf([productId = 0, quantity = 0, confirmed = 0, at = 0]: Float64Array): ProductTotal {
  return {
    productId,
    orders: 1,
    quantity,
    confirmedOrders: confirmed,
    confirmedQuantity: confirmed * quantity,
    firstAt: at,
    lastAt: at,
  };
}

const sum = (a: ProductTotal, b: ProductTotal): ProductTotal => ({
  productId: a.productId,
  orders: a.orders + b.orders,
  quantity: a.quantity + b.quantity,
  confirmedOrders: a.confirmedOrders + b.confirmedOrders,
  confirmedQuantity: a.confirmedQuantity + b.confirmedQuantity,
  firstAt: Math.min(a.firstAt, b.firstAt),
  lastAt: Math.max(a.lastAt, b.lastAt),
});

/** All fields are numbers and dates, so none has to be quoted, and none is a formula to a spreadsheet. */
function lineOf({ firstAt, lastAt, ...numbers }: ProductTotal): string {
  const { productId, orders, quantity, confirmedOrders, confirmedQuantity } = numbers;
  const dates = [firstAt, lastAt].map((at) => new Date(at).toISOString());
  return [productId, orders, quantity, confirmedOrders, confirmedQuantity, ...dates].join(',') + NEWLINE;
}
