// Reads the log again and again, sometimes so late that it has to begin anew; counts what is torn or missing.
import { parentPort, workerData } from 'node:worker_threads';
import { Block } from '#src/memory/block.js';
import { type Cursor, SnapshotLog } from '#src/memory/snapshot-log.js';
import { applied } from './published-numbers.js';

const log = new SnapshotLog(Block.attach((workerData as { memory: SharedArrayBuffer }).memory));
let cursor: Cursor | undefined;
let [state, wrong, wholes, reads, changes] = [0, 0, 0, 0, 0];
while (changes < 3_000) {
  const read = log.read(cursor);
  try {
    const next = applied(read.isWhole ? undefined : state, read.text);
    changes += Number(next !== state);
    state = next;
  } catch {
    wrong += 1;
  }
  cursor = read.cursor;
  wholes += Number(read.isWhole);
  reads += 1;
}
parentPort?.postMessage({ wrong, wholes, reads });
