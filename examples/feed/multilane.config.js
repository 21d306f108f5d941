// A live feed by server-sent events, for clients of all workers.
import { defineConfig } from 'multilane';
import { feed } from './service.js';

export default defineConfig({ services: [feed] });
