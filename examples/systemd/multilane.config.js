// A project that runs as a service of systemd.
import { defineConfig, defineService } from 'multilane';

const hello = defineService({
  name: 'hello',
  routes(app) {
    app.get('/', () => ({ hello: process.env.GREETED ?? 'world' }));
  },
});

export default defineConfig({ services: [hello] });
