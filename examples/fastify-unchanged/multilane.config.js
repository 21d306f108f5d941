// A Fastify application, mounted unchanged: it runs on all cores, and what stands here applies around it.
import { defineConfig, defineService } from 'multilane';
import { notesApp } from './notes-app.js';

const notes = defineService({
  name: 'notes',
  routes(app) {
    // One limit for all workers together, and responses that begin within two seconds. Its plugins are loaded before a worker
    // accepts connections.
    app.mountNode('/api', { rateLimit: { limit: '4/minute', key: 'global' }, timeoutMs: 2000 }, notesApp);

    // A route that has been moved already wins over the application, and has limits of its own.
    app.get('/api/moved/:id(\\d+)', (ctx) => ({ id: Number(ctx.params.id), servedBy: 'a native route' }));
  },
});

export default defineConfig({ services: [notes], httpCore: 'node' });
