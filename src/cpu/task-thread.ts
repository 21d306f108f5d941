// What runs in a thread of the CPU pool: finds the task, calls it, packs what comes of it.
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { importUserModule } from '../user-code/module.js';
import { bufferOf, type TaskAnswer, type TaskOrder } from './cpu-messages.js';
import { packedClone } from './task-clone.js';
import { notSent, packFailure } from './task-failure.js';
import { catchLeftovers, runWatched } from './task-leftovers.js';

type Task = (input: unknown) => unknown;

catchLeftovers();

/**
 * Never rejects, whatever the task returns or throws: Piscina would post the reason, and one that cannot be
 * posted ends the thread. The result's bytes are moved to the primary, not copied.
 */
export async function runTask(order: TaskOrder): Promise<unknown> {
  const answer = await perform(order);
  return move({ [transferableSymbol]: [bufferOf(answer.data)], [valueSymbol]: answer });
}

async function perform({ module, task: name, input }: TaskOrder): Promise<TaskAnswer> {
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
 * By URL, also those that cannot be loaded: to find out why takes a while. As many as services have tasks.
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

/** @throws TypeError that names the task, for an input that is none here */
function unpackInput(task: string, input: Uint8Array): unknown {
  try {
    return deserialize(input);
  } catch (error) {
    throw notSent(task, 'its input cannot be read', error);
  }
}

/** @throws TypeError that names the task, for a result that cannot cross threads */
function packResult(task: string, result: unknown): TaskAnswer {
  try {
    return result instanceof Uint8Array
      ? { kind: 'bytes', data: owned(result) }
      : { kind: 'value', data: packedClone(result) };
  } catch (error) {
    throw notSent(task, 'its result cannot be sent to its caller', error);
  }
}

/**
 * A view with a buffer of its own, which can be moved. A view that shares its buffer (small Buffers live in a
 * common pool) is copied, because moving takes the whole buffer. Any other buffer is moved here already: one
 * that cannot be would otherwise be found out where Piscina sends the result, and such a result is lost.
 *
 * @throws TypeError when the bytes were moved before or cannot be moved at all
 */
function owned(view: Uint8Array): Uint8Array {
  const { buffer, byteLength } = view;
  try {
    // A buffer that was moved has no bytes, and copying a view of it throws.
    const isWhole = byteLength > 0 && buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
    return isWhole ? structuredClone(view, { transfer: [buffer] }) : new Uint8Array(view);
  } catch (cause) {
    throw new TypeError('the Uint8Array was moved by an earlier call, or cannot be moved; return a copy', {
      cause,
    });
  }
}
