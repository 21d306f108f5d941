// A service whose route keeps a thread of the CPU pool busy.
import { defineConfig, defineService } from 'multilane';

const busy = defineService({
  name: 'busy',
  tasks: new URL('./tasks.js', import.meta.url),
  routes(app, { cpu }) {
    app.get('/burn', () => cpu.run('burn', 20));
  },
});

export default defineConfig({ services: [busy] });
