// The project of this package in the comparison, written as by a user: no hooks, no schema, no database.
import { defineConfig, defineService } from 'multilane';
import { MESSAGE } from '../../scenarios/scenarios.js';

const bench = defineService({
  name: 'bench',
  routes(app) {
    app.get('/json', () => ({ message: MESSAGE }));
  },
});

export default defineConfig({ services: [bench] });
