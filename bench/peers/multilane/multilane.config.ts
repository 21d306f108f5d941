// Our side of the comparison, written as a user would write it: no hooks, no schema, no database.
import { defineConfig, defineService } from 'multilane';
import { MESSAGE } from '../../scenarios/scenarios.js';

const bench = defineService({
  name: 'bench',
  routes(app) {
    app.get('/json', () => ({ message: MESSAGE }));
  },
});

export default defineConfig({ services: [bench] });
