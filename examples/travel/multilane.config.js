// A project with a saga of its own.
import { defineConfig } from 'multilane';
import { travel } from './services/travel/service.js';

export default defineConfig({ services: [travel] });
