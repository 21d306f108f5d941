// The public surface of the package: what a user's project imports, and nothing else.
export { Type } from '@sinclair/typebox';
export * from './errors.js';
