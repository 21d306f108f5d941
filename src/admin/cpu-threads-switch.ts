// The number of threads of the CPU pool, which an operator may change while the process runs. The change ends
// with the process.
import {
  type OperatorValue,
  type SwitchChange,
  setNow,
  sinceAndReason,
  switchChange,
} from './operator-value.js';
import { AUTO } from './switch-bodies.js';

export interface CpuThreadsSwitchOptions {
  /** CPU_THREADS. */
  readonly setting: number;
  /** Changes the number of threads. Running tasks continue. */
  readonly resize: (threads: number) => void;
}

export class CpuThreadsSwitch {
  readonly #options: CpuThreadsSwitchOptions;
  #threads: OperatorValue<number> | null = null;

  constructor(options: CpuThreadsSwitchOptions) {
    this.#options = options;
  }

  get state() {
    const { setting } = this.#options;
    return { threads: this.#threads?.value ?? setting, setting, ...sinceAndReason(this.#threads) };
  }

  set(threads: number | typeof AUTO, reason: string | null): SwitchChange {
    const before = this.state.threads;
    this.#threads = threads === AUTO ? null : setNow(threads, reason);
    const { threads: now } = this.state;
    this.#options.resize(now);
    return switchChange('CPU threads', before, now, reason);
  }
}
