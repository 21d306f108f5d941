// A project that runs under pm2. Change the version below and reload: no request is lost.
import { defineConfig, defineService } from 'multilane';

const VERSION = 1;

const hello = defineService({
  name: 'hello',
  routes(app) {
    app.get('/', () => ({ version: VERSION }));
  },
});

export default defineConfig({ services: [hello] });
