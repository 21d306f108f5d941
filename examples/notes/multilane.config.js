// The primary and every worker load this module, so it declares and starts nothing.
import { defineConfig } from 'multilane';
import { notes } from './services/notes/service.js';

export default defineConfig({ services: [notes] });
