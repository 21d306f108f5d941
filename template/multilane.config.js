// Loaded by the primary and by every worker: it declares, and starts nothing. Settings go here by their camelCase
// names; command line and environment win over them.
import { defineConfig } from 'multilane';
import { hello } from './services/hello/service.js';

export default defineConfig({ services: [hello] });
