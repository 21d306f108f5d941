// The project of operated.config.ts as a file, for a process to start with.
import { fileURLToPath } from 'node:url';

export const OPERATED = fileURLToPath(new URL('./operated.config.js', import.meta.url));
