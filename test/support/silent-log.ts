import type { Log } from '#src/telemetry/log.js';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
