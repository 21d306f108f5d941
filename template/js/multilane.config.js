// This module is loaded by the primary and by every worker, so it declares and starts nothing. Settings are
// written here by their camelCase names; the command line and the environment override them.
import { defineConfig } from 'multilane';
import { hello } from './services/hello/service.js';

export default defineConfig({ services: [hello] });
