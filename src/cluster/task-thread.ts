// What runs in a thread of the CPU pool: finds the task, calls it, packs what comes of it.
import { deserialize, serialize } from 'node:v8';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { bufferOf, type TaskAnswer, type TaskOrder } from './cpu-messages.js';
import { packFailure } from './task-failure.js';

type Task = (input: unknown) => unknown;

/** What the task throws is an answer too. The answer's bytes are moved to the primary, not copied. */
export async function runTask(order: TaskOrder): Promise<unknown> {
  const answer = await perform(order);
  return move({ [transferableSymbol]: [bufferOf(answer.data)], [valueSymbol]: answer });
}

async function perform({ module, task, input }: TaskOrder): Promise<TaskAnswer> {
  try {
    const run = await findTask(module, task);
    return packResult(await run(deserialize(input)));
  } catch (error) {
    return packFailure(error);
  }
}

async function findTask(module: string, name: string): Promise<Task> {
  // The loader caches by URL: every later call is a look-up.
  const exports = (await import(module)) as Readonly<Record<string, unknown>>;
  const task = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof task !== 'function') {
    throw new Error(`the tasks module exports no function named ${JSON.stringify(name)}`);
  }
  return task as Task;
}

function packResult(result: unknown): TaskAnswer {
  return result instanceof Uint8Array
    ? { kind: 'bytes', data: owned(result) }
    : { kind: 'value', data: serialize(result) };
}

/** A view that shares its buffer (small Buffers live in a common pool) is copied: moving takes the whole buffer. */
function owned(view: Uint8Array): Uint8Array {
  const whole = view.buffer instanceof ArrayBuffer && view.byteLength === view.buffer.byteLength;
  return whole ? view : new Uint8Array(view);
}
