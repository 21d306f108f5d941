// Checks the messages of a worker thread. Code of services runs in that thread and can post anything to the
// primary, so only messages of the form that messages.ts declares are accepted, and their texts are shortened
// to what fits into a log line.
import { type FromWorker, LEAVE_REASONS } from './messages.js';
import type { Descriptor } from './sharding.js';

const MOST_TEXT = 16_384;

type Members = Readonly<Record<string, unknown>>;

/** @returns undefined for anything that is not a message of the protocol */
export function readFromWorker(data: unknown): FromWorker | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { type, ...members } = data as Members;
  switch (type) {
    case 'ready':
      return readReady(members);
    case 'port-wanted':
    case 'unbound':
      return { type };
    case 'listening':
      return isPort(members.port) ? { type, port: members.port } : undefined;
    case 'serving':
      return isText(members.service) ? { type, service: members.service } : undefined;
    case 'leaving':
      return readLeaving(members);
    case 'failed':
    case 'fatal':
      return isText(members.detail) ? { type, detail: shortened(members.detail) } : undefined;
    case 'refused':
      return readRefused(members);
    default:
      return undefined;
  }
}

function readReady({ descriptor, routes }: Members): FromWorker | undefined {
  if (typeof descriptor !== 'object' || descriptor === null) return undefined;
  const { slot, app } = descriptor as Members;
  // The HTTP core expects its pointer as a number, and any other value would crash it.
  const isPointer = typeof app === 'number' && Number.isFinite(app) && app !== 0;
  if (!Number.isInteger(slot) || !(isPointer || app === undefined)) return undefined;
  return { type: 'ready', descriptor: descriptor as Descriptor, routes };
}

function readLeaving({ reason, detail }: Members): FromWorker | undefined {
  const known = LEAVE_REASONS.find((one) => one === reason);
  if (known === undefined || !(detail === undefined || isText(detail))) return undefined;
  return { type: 'leaving', reason: known, detail: detail === undefined ? undefined : shortened(detail) };
}

function readRefused({ message, exitCode }: Members): FromWorker | undefined {
  const isExitCode = Number.isInteger(exitCode) && Number(exitCode) > 0 && Number(exitCode) < 256;
  if (!isText(message) || !isExitCode) return undefined;
  return { type: 'refused', message: shortened(message), exitCode: Number(exitCode) };
}

const isPort = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;
const isText = (value: unknown): value is string => typeof value === 'string';
const shortened = (text: string): string => text.slice(0, MOST_TEXT);
