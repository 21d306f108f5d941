// The project of the pictures: the reference shop, with a service that has what goes wrong in a shop. Its
// export makes a formatter for each row, which takes most of its time, and its warehouse is another process.
import { defineConfig, defineService } from 'multilane';
import { referenceShop } from '#src/services/catalog.js';

const formatMoney = (cents: number): string =>
  new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' }).format(cents / 100);

const escapeField = (text: string): string =>
  /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;

const formatRow = (n: number): string =>
  [String(n), escapeField(`Chair, model ${n % 97}`), formatMoney(n * 1_999)].join(',');

const renderRows = (rows: number): string => Array.from({ length: rows }, (_, n) => formatRow(n)).join('\n');

const exports = defineService({
  name: 'exports',
  routes(app, { call }) {
    app.get('/api/exports/prices.csv', ({ query }) => renderRows(Number(query.get('rows'))));
    app.get('/api/exports/stock', async () => {
      const { status } = await call('warehouse').get('/stock', { retries: 0 });
      return { status };
    });
  },
});

export default defineConfig({ services: [...referenceShop, exports] });
