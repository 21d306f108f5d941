// The primary and every worker load this module, so it declares and starts nothing.
import { defineConfig } from 'multilane';
import { links } from './services/links/service.ts';

export default defineConfig({ services: [links] });
