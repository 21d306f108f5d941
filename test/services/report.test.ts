import { expect } from 'chai';
import type { Cpu } from '#src/api/service-definition.js';
import type { Queryable } from '#src/db/database.js';
import { UnavailableError } from '#src/errors.js';
import { salesReport } from '#src/services/orders/report.js';
import { HEADER, type OrderPage, type ProductTotal, reportLines } from '#src/services/orders/report-lines.js';
import { useInProcessShop } from '#test/support/in-process-shop.js';

type Sold = readonly [productId: number, quantity: number, confirmed: 0 | 1, at: string];

const page = (orders: readonly Sold[], more: Partial<OrderPage> = {}): OrderPage => ({
  cells: new Float64Array(
    orders.flatMap(([product, quantity, confirmed, at]) => [product, quantity, confirmed, Date.parse(at)]),
  ),
  open: undefined,
  isLast: true,
  ...more,
});

const ORDERS: readonly Sold[] = [
  [1, 2, 0, '2026-01-02T00:00:00Z'],
  [1, 3, 1, '2026-01-01T00:00:00Z'],
  [7, 1000, 1, '2026-01-03T10:20:30.400Z'],
  [7, 1, 0, '2026-01-04T00:00:00Z'],
  [7, 4, 1, '2026-01-03T11:00:00Z'],
  [9, 5, 0, '2026-01-05T00:00:00Z'],
];
const LINES =
  '1,2,5,1,3,2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z\r\n' +
  '7,3,1005,2,1004,2026-01-03T10:20:30.400Z,2026-01-04T00:00:00.000Z\r\n' +
  '9,1,5,0,0,2026-01-05T00:00:00.000Z,2026-01-05T00:00:00.000Z\r\n';

describe('the lines of the sales report', () => {
  it('are one for each product', () => {
    expect(reportLines(page(ORDERS))).to.deep.equal({ csv: LINES, open: undefined });
    expect(reportLines(page([]))).to.deep.equal({ csv: '', open: undefined });
  });

  it('are the same wherever a page ends', () => {
    for (let first = 0; first <= ORDERS.length; first++) {
      for (let second = first; second <= ORDERS.length; second++) {
        let csv = '';
        let open: ProductTotal | undefined;
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, ORDERS.length],
        ] as const) {
          const isLast = to === ORDERS.length && from === second;
          const part = reportLines(page(ORDERS.slice(from, to), { open, isLast }));
          csv += part.csv;
          ({ open } = part);
        }
        expect(csv, `${first}, ${second}`).to.equal(LINES);
      }
    }
  });
});

describe('the sales report', () => {
  /** A database of endless orders, each of a product of its own, which counts its pages. */
  function endless() {
    let pages = 0;
    let id = 0;
    const row = () => ({
      id: ++id,
      product_id: id,
      quantity: 1,
      status: 'pending',
      created_at: new Date(0),
    });
    const db = {
      many: async (_text: string, values: readonly number[]) => {
        pages++;
        return Array.from({ length: values[2]! }, row);
      },
    } as unknown as Queryable;
    return { db, pages: () => pages };
  }
  const cpu = {
    run: async (task: string, input: OrderPage) => {
      expect(task).to.equal('reportLines');
      return reportLines(input);
    },
  } as unknown as Cpu;

  it('reads a page only when it is asked for one, and none after its end', async () => {
    const { db, pages } = endless();
    const report = (await salesReport(db, cpu))[Symbol.asyncIterator]();
    expect(pages()).to.equal(1);
    for (const read of [1, 2, 3]) {
      const { value } = await report.next();
      expect(value).to.include('1970-01-01T00:00:00.000Z');
      expect(pages()).to.equal(read);
    }
    await report.return!();
    expect(await report.next()).to.deep.equal({ value: undefined, done: true });
    expect(pages()).to.equal(3);
  });

  it('fails before it has begun when the database or the pool fails', async () => {
    const { db } = endless();
    const failure = new UnavailableError('CPU_QUEUE_FULL', 'full');
    const full = { run: () => Promise.reject(failure) } as unknown as Cpu;
    expect(await salesReport(db, full).catch((error: unknown) => error)).to.equal(failure);
  });
});

describe('GET /api/orders/report.csv', () => {
  const shop = useInProcessShop();
  const report = (method = 'GET'): Promise<Response> => shop.request(method, '/api/orders/report.csv');

  it('is only the header while there are no orders', async () => {
    const response = await report();
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('text/csv; charset=utf-8; header=present');
    expect(response.headers.get('content-disposition')).to.equal('attachment; filename="sales-report.csv"');
    expect(await response.text()).to.equal(HEADER);
    expect((await report('HEAD')).status).to.equal(200);
  });

  it('sums up 100,000 orders as the database does', async () => {
    await shop.rows(
      'orders',
      `insert into orders (user_id, product_id, quantity, status, created_at)
       select 1, 1 + (n * 7919) % 3001, 1 + n % 1000, case n % 3 when 0 then 'confirmed' else 'pending' end,
         timestamptz '2026-01-01' + n * interval '1 minute'
       from generate_series(1, 100000) n`,
    );
    const expected = await shop.rows<Record<string, unknown>>(
      'orders',
      `select product_id, count(*)::int as orders, sum(quantity)::int as quantity,
         count(*) filter (where status = 'confirmed')::int as confirmed_orders,
         coalesce(sum(quantity) filter (where status = 'confirmed'), 0)::int as confirmed_quantity,
         min(created_at) as first_order_at, max(created_at) as last_order_at
       from orders group by product_id order by product_id`,
    );
    expect(expected).to.have.length(3_001);
    const [header, ...lines] = (await (await report()).text()).split('\r\n');
    expect(lines.pop()).to.equal('');
    expect(`${header}\r\n`).to.equal(HEADER);
    const shown = (value: unknown): string => (value instanceof Date ? value.toISOString() : String(value));
    expect(lines).to.deep.equal(expected.map((row) => Object.values(row).map(shown).join(',')));
  }).timeout(60_000);

  it('is in the API description', async () => {
    const { paths } = (await (await shop.request('GET', '/openapi.json')).json()) as {
      paths: Record<string, { get?: { summary: string } }>;
    };
    expect(paths['/api/orders/report.csv']?.get?.summary).to.include('sales report');
  });
});
