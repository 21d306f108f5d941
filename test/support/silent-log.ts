import type { Log } from '#src/postgres/embedded.js';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
