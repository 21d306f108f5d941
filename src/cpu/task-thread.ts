// The code of a thread of the CPU pool: it finds the task, calls it and serializes the result.
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { threadId } from 'node:worker_threads';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { RunStatus } from '../memory/run-status.js';
import { isOutOfFiles, OutOfFilesError } from '../open-files.js';
import { importUserModule } from '../user-code/module.js';
import { buffersOf, type LastRun, type TaskOrder, type TaskResult } from './cpu-messages.js';
import { type Packed, packedClone, unpackedClone } from './task-clone.js';
import { OwnTaskContext, type TaskTools } from './task-context.js';
import { notSent, packFailure } from './task-failure.js';
import { catchLeftovers, runWatched, spoiler, watchLoad } from './task-leftovers.js';
import { heapBytes, isHeapSpent } from './thread-heap.js';

// Tasks may change them.
const { hasOwn } = Object;
const { structuredClone } = globalThis;

type Task = (input: unknown, context: TaskTools) => unknown;

/** The tasks module could not be loaded; the cause says why. */
class NotLoadedError extends Error {}

/** The most exports that an error names. */
const MOST_NAMED = 20;

catchLeftovers();

/**
 * Runs a task; Piscina calls it. It never rejects, whatever the task returns or throws: Piscina would post
 * the reason, and a reason that cannot be posted would end the thread. The bytes of the result are moved to
 * the primary, not copied.
 */
export async function runTask(order: TaskOrder): Promise<unknown> {
  const status = new RunStatus(order.status);
  // The first task loads its module.
  const hasBegun = status.begin({ threadId, heapBytes: heapBytes(), isFirst: modules.size === 0 });
  // Its caller has left before.
  if (!hasBegun) return undefined;
  const performed = await perform(order, status);
  const last = performed.last ?? lastOf(order);
  const result = { ...performed, last };
  return move({ [transferableSymbol]: buffersOf(result), [valueSymbol]: result });
}

/** Why the thread runs no task after this one; undefined when it does. */
function lastOf({ heapMb }: TaskOrder): LastRun | undefined {
  const mark = spoiler();
  if (mark !== undefined) return { because: 'leftovers', mark };
  return isHeapSpent(heapMb) ? { because: 'heap' } : undefined;
}

async function perform(order: TaskOrder, status: RunStatus): Promise<TaskResult> {
  const { module, task: name, mark, input, ...caller } = order;
  const context = new OwnTaskContext(name, caller.progress, caller.traceparent);
  try {
    try {
      const result = await runWatched(
        { task: name, mark, traceparent: caller.traceparent },
        status,
        async () => {
          const task = await findTask(module, name, status);
          // The module is there for the next task. The caller that has left does not get this failure.
          if (!status.enter()) throw new Error('the caller of the task has left while its module was loaded');
          return task(unpackInput(name, input), context.tools);
        },
      );
      // The last progress goes before the result is packed, and before any of its buffers is moved.
      context.end();
      return packResult(name, result, context.transferOf(result));
    } finally {
      context.end();
    }
  } catch (error) {
    // `instanceof` alone would run the traps of a Proxy that a task has thrown.
    if (types.isNativeError(error) && error instanceof NotLoadedError) {
      const reason = isOutOfFiles(error.cause) ? new OutOfFilesError(error.cause) : error.cause;
      return { ...packFailure(reason, name), last: { because: 'load', mark } };
    }
    return packFailure(error, name);
  }
}

/**
 * The tasks modules by their URL. Failures are kept as well, because Node.js would not try again, and it
 * takes a while to find their reason. There is one entry per service with tasks.
 */
type Exports = Readonly<Record<string, unknown>>;
const modules = new Map<string, Promise<Exports>>();

async function findTask(module: string, name: string, status: RunStatus): Promise<Task> {
  let exports: Exports;
  try {
    exports = await (modules.get(module) ?? load(module, status));
  } catch (cause) {
    throw new NotLoadedError('the tasks module could not be loaded', { cause });
  }
  const task = hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof task !== 'function') throw unknownTask(module, name, exports);
  return task as Task;
}

function load(module: string, status: RunStatus): Promise<Exports> {
  const since = performance.now();
  status.load();
  const loading = watchLoad(() => importUserModule(fileURLToPath(module))).finally(() =>
    status.loaded(performance.now() - since),
  );
  modules.set(module, loading);
  return loading;
}

function unknownTask(module: string, name: string, exports: Exports): Error {
  const functions = Object.keys(exports).filter((one) => typeof exports[one] === 'function');
  const others = functions.length === 0 ? 'none' : functions.slice(0, MOST_NAMED).join(', ');
  return new Error(
    `the tasks module ${fileURLToPath(module)} exports no function named ${JSON.stringify(name)}; it exports: ${others}`,
  );
}

/** @throws TypeError that names the task, for an input that cannot be deserialized in this thread */
function unpackInput(task: string, input: Packed): unknown {
  try {
    return unpackedClone(input);
  } catch (error) {
    throw notSent(task, 'its input cannot be read', error);
  }
}

/** @throws TypeError that names the task, for a result that cannot be sent to another thread */
function packResult(task: string, result: unknown, transfer: readonly ArrayBuffer[]): TaskResult {
  try {
    if (!(result instanceof Uint8Array)) return { kind: 'value', ...packedClone(result, transfer) };
    return { kind: Buffer.isBuffer(result) ? 'buffer' : 'bytes', data: owned(result), moved: [] };
  } catch (error) {
    throw notSent(task, 'its result cannot be sent to its caller', error);
  }
}

/**
 * Returns a view with a buffer of its own, which can be moved. A view that shares its buffer (small Buffers
 * share a common pool) is copied, because moving takes the whole buffer. Any other buffer is moved to a new
 * view here already. Piscina would notice only when it sends the result that a buffer cannot be moved, and
 * the result would be lost.
 * @throws TypeError when the bytes were moved before or cannot be moved at all
 */
function owned(view: Uint8Array): Uint8Array {
  const { buffer, byteLength } = view;
  try {
    // A buffer that was moved before has no bytes, and copying a view of it throws.
    const isWhole = byteLength > 0 && buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
    return isWhole ? structuredClone(view, { transfer: [buffer] }) : new Uint8Array(view);
  } catch (cause) {
    throw new TypeError('the Uint8Array was moved by an earlier call, or cannot be moved; return a copy', {
      cause,
    });
  }
}
