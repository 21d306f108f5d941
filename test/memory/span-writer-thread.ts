// Writes numbered records of many lengths into a ring as fast as it can.
import { workerData } from 'node:worker_threads';
import { type RingOfSpans, SpanRingWriter } from '#src/memory/span-ring.js';
import { recordText } from './span-texts.js';

const { memory, count } = workerData as { readonly memory: RingOfSpans; readonly count: number };
const ring = new SpanRingWriter(memory);
for (let number = 0; number < count; number++) ring.push(Buffer.from(recordText(number)));
