// The log of one worker. Its level is in shared memory, so that an operator's change holds for the next line.
import type { Logger } from 'pino';
import type { WorkerBoot } from '../cluster/messages.js';
import type { Block } from '../memory/block.js';
import type { Recorder } from '../memory/metrics/recorder.js';
import { Switches } from '../memory/switches.js';
import { createLogger } from '../telemetry/log.js';
import { ringSink, stdoutSink } from '../telemetry/log-sink.js';

export interface WorkerLog {
  readonly log: Logger;
  /**
   * Counts the lines that are dropped from now on. The log exists before the metrics, so lines that are
   * dropped earlier are not counted.
   */
  readonly countDropped: (recorder: Recorder) => void;
}

export function openWorkerLog({ settings, worker, logMemory }: WorkerBoot, block: Block): WorkerLog {
  const switches = new Switches(block);
  let count = (): void => undefined;
  const lineDropped = (): void => count();
  const sink = logMemory === undefined ? stdoutSink(lineDropped) : ringSink(logMemory, lineDropped);
  return {
    log: createLogger(settings, { worker }, sink, () => switches.logLevel),
    countDropped(recorder) {
      const counter = recorder.counter('multilane_log_lines_dropped_total');
      count = () => counter.add();
    },
  };
}
