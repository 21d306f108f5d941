// The code of a thread of the CPU pool: it finds the task, calls it and serializes the result.
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { importUserModule } from '../user-code/module.js';
import { bufferOf, type TaskOrder, type TaskResult } from './cpu-messages.js';
import { packedClone } from './task-clone.js';
import { notSent, packFailure } from './task-failure.js';
import { catchLeftovers, runWatched } from './task-leftovers.js';

type Task = (input: unknown) => unknown;

catchLeftovers();

/**
 * Runs a task; Piscina calls it. It never rejects, whatever the task returns or throws: Piscina would post
 * the reason, and a reason that cannot be posted would end the thread. The bytes of the result are moved to
 * the primary, not copied.
 */
export async function runTask(order: TaskOrder): Promise<unknown> {
  const result = await perform(order);
  return move({ [transferableSymbol]: [bufferOf(result.data)], [valueSymbol]: result });
}

async function perform({ module, task: name, input }: TaskOrder): Promise<TaskResult> {
  try {
    const result = await runWatched(name, async () => {
      const task = await findTask(module, name);
      return task(unpackInput(name, input));
    });
    return packResult(name, result);
  } catch (error) {
    return packFailure(error, name);
  }
}

/**
 * The tasks modules by their URL. Failures are kept as well, because it takes a while to find their reason.
 * There is one entry per service with tasks.
 */
const modules = new Map<string, Promise<Readonly<Record<string, unknown>>>>();

async function findTask(module: string, name: string): Promise<Task> {
  let loading = modules.get(module);
  if (loading === undefined) {
    loading = importUserModule(fileURLToPath(module));
    modules.set(module, loading);
  }
  const exports = await loading;
  const task = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof task !== 'function') {
    throw new Error(`the tasks module exports no function named ${JSON.stringify(name)}`);
  }
  return task as Task;
}

/** @throws TypeError that names the task, for an input that cannot be deserialized in this thread */
function unpackInput(task: string, input: Uint8Array): unknown {
  try {
    return deserialize(input);
  } catch (error) {
    throw notSent(task, 'its input cannot be read', error);
  }
}

/** @throws TypeError that names the task, for a result that cannot be sent to another thread */
function packResult(task: string, result: unknown): TaskResult {
  try {
    return result instanceof Uint8Array
      ? { kind: 'bytes', data: owned(result) }
      : { kind: 'value', data: packedClone(result) };
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
