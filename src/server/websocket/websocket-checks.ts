// Checks what a service passes to WebSockets: the limits of a route, messages, topics, and close codes.
import { isToken } from '../response/token.js';
import type { ResolvedLimits, WebSocketLimits } from './websocket.js';

const DEFAULT_LIMITS: ResolvedLimits = {
  maxPayload: 64 * 1024,
  idleTimeoutMs: 60_000,
  maxBackpressure: 1024 * 1024,
  onBackpressureLimit: 'close',
  perMessageDeflate: false,
  origins: [],
  protocols: [],
};

/** Twice this must fit into 32 bits of the core, and every message is in memory as a whole. */
const MAX_PAYLOAD = 256 * 1024 * 1024;
/** The core ends the process for values outside of these bounds. */
const IDLE_MS = { min: 8_000, max: 960_000 };

/** @throws TypeError for a limit that the core does not support or that no request could meet */
export function resolveLimits(limits: WebSocketLimits): ResolvedLimits {
  const {
    maxPayload,
    idleTimeoutMs,
    maxBackpressure,
    onBackpressureLimit,
    perMessageDeflate,
    origins,
    protocols,
  } = {
    ...DEFAULT_LIMITS,
    ...limits,
  };
  whole('maxPayload', maxPayload, 1, MAX_PAYLOAD);
  whole('idleTimeoutMs', idleTimeoutMs, IDLE_MS.min, IDLE_MS.max);
  whole('maxBackpressure', maxBackpressure, 1, MAX_PAYLOAD);
  if (onBackpressureLimit !== 'close' && onBackpressureLimit !== 'drop') {
    throw new TypeError('onBackpressureLimit must be "close" or "drop"');
  }
  if (typeof perMessageDeflate !== 'boolean') throw new TypeError('perMessageDeflate must be true or false');
  if (origins !== '*' && !(Array.isArray(origins) && origins.every(isOrigin))) {
    throw new TypeError('origins must be "*" or a list like ["https://app.example"]');
  }
  if (!Array.isArray(protocols) || !protocols.every((name) => typeof name === 'string' && isToken(name))) {
    throw new TypeError('protocols must be a list of names without spaces or commas');
  }
  return {
    maxPayload,
    idleTimeoutMs,
    maxBackpressure,
    onBackpressureLimit,
    perMessageDeflate,
    origins,
    protocols,
  };
}

function whole(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new TypeError(`${name} must be a whole number from ${min} to ${max}`);
}

/** True for an origin as a browser sends it: without a path and without the default port. */
function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text;
}

/**
 * Checks a close code and its reason. An application may not send codes that only describe how a connection
 * ended, nor unassigned ones (RFC 6455 section 7.4).
 * @throws RangeError
 */
export function checkClose(code: number, reason: string): void {
  const isAssigned = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (!Number.isInteger(code) || !(isAssigned || (code >= 3000 && code <= 4999))) {
    throw new RangeError(`${code} is not a close code that may be sent`);
  }
  if (Buffer.byteLength(reason) > 123) throw new RangeError('a close reason has at most 123 bytes');
}

/** @throws TypeError */
export function checkTopic(topic: string): void {
  if (typeof topic !== 'string' || topic === '') throw new TypeError('a topic is a string that is not empty');
}

/** @throws TypeError for a message that the other threads could not send */
export function checkMessage(data: string | Uint8Array, isBinary: boolean): void {
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    throw new TypeError('a message is a string or a Uint8Array');
  }
  if (typeof isBinary !== 'boolean') throw new TypeError('isBinary is true or false');
}
