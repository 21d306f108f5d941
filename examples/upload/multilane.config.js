// Uploads that are streamed to disk, and downloads with ranges.
import { defineConfig } from 'multilane';
import { uploads } from './service.js';

export default defineConfig({ services: [uploads] });
