// The part of a load during which CPU time is counted. The load tool opens and closes it, because only that
// knows when its connections are there.
import { cpuTime, machineBusy, ownCpu, threadTimes, US_PER_TICK } from './proc.js';

/** What a load tool calls when its requests begin and when they have ended. */
export interface Window {
  begin(): void;
  end(): void;
}

export interface Usage {
  readonly cpuUs: number;
  /** The part of it outside the kernel. */
  readonly userUs: number;
  /** Length of the window. */
  readonly us: number;
  /** Part of one core that the load tool used. Near 1 it is the tool that limits the requests/s. */
  readonly generatorShare: number;
  /** Part of one core that other processes used, the other servers included. */
  readonly foreignShare: number;
}

interface Reading {
  readonly at: number;
  readonly user: number;
  readonly system: number;
  readonly threads: ReadonlyMap<string, number>;
  readonly busy: number;
  readonly own: number;
}

export class CpuWindow implements Window {
  readonly #pid: number;
  #begun: Reading | undefined;
  #ended: Reading | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  begin(): void {
    this.#begun = this.#read();
  }

  end(): void {
    this.#ended = this.#read();
  }

  /**
   * Called when the load tool has ended: its CPU time is known only then, all of it.
   * @throws Error when the tool did not open and close the window
   */
  usage(): Usage {
    const begun = this.#begun;
    const ended = this.#ended;
    if (begun === undefined || ended === undefined)
      throw new Error('bench: the load tool measured no window');
    const us = (ended.at - begun.at) * 1000;
    const user = ended.user - begun.user;
    const ticked = user + ended.system - begun.system;
    const cpuUs = exactOr(ticked, ranBetween(begun.threads, ended.threads));
    const generator = ownCpu() - begun.own;
    const foreign = ended.busy - begun.busy - ticked - generator;
    return {
      cpuUs,
      userUs: ticked === 0 ? 0 : cpuUs * (user / ticked),
      us,
      generatorShare: generator / us,
      foreignShare: Math.max(0, foreign / us),
    };
  }

  #read(): Reading {
    const pid = this.#pid;
    return {
      at: performance.now(),
      ...cpuTime(pid),
      threads: threadTimes(pid),
      busy: machineBusy(),
      own: ownCpu(),
    };
  }
}

/** Microseconds that the threads ran which were there at the end. */
export function ranBetween(begun: ReadonlyMap<string, number>, ended: ReadonlyMap<string, number>): number {
  let ns = 0;
  for (const [thread, time] of ended) ns += time - (begun.get(thread) ?? 0);
  return ns / 1000;
}

/**
 * The exact time, unless it contradicts the one that is counted in ticks: then threads have ended in the
 * window, and their time is only in the ticks.
 */
export function exactOr(tickedUs: number, exactUs: number): number {
  const tolerance = 2 * US_PER_TICK + tickedUs * 0.02;
  return exactUs > 0 && Math.abs(exactUs - tickedUs) <= tolerance ? exactUs : tickedUs;
}
