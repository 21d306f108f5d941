// A gateway to a service in another process, and nothing else.
import { defineConfig, defineService } from 'multilane';

const idle = defineService({ name: 'idle', routes() {} });

export default defineConfig({ services: [idle], gateway: { bench: {} } });
