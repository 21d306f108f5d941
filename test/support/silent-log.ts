import type { Log } from '#src/db/embedded.js';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
