// A project with a saga of its own on the same engine as the reference shop.
import { defineConfig } from 'multilane';
import { travel } from './services/travel/service.js';

export default defineConfig({ services: [travel] });
