// A service that counts by a label which clients choose.
import { defineConfig, defineService } from 'multilane';

const shop = defineService({
  name: 'shop',
  routes(app, { metrics }) {
    const visits = metrics.counter('visits_total', 'Visits.', ['name']);
    const times = metrics.histogram('visit_seconds', 'Visits.', ['name']);
    app.get('/visit', ({ query }) => {
      const name = query.get('name') ?? '';
      visits.add(1, { name });
      times.record(1_000, { name });
      return '';
    });
  },
});

export default defineConfig({ services: [shop] });
