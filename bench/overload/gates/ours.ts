// The gate of the product: Admission over real shared memory, with the clock of the model.
import { AdmissionCells } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { Admission } from '#src/resilience/admission.js';
import { TUNING, type Tuning } from '#src/resilience/overload-tuning.js';
import type { Policy } from './gate.js';

export interface OursOptions {
  readonly tuning?: Partial<Tuning>;
  /** The setting MAX_IN_FLIGHT. */
  readonly most?: number;
}

export const ours =
  ({ tuning = {}, most = 10_000 }: OursOptions = {}): Policy =>
  (workers) => {
    const block = Block.create({ workers });
    return ({ worker, loop }) => {
      const cells = new AdmissionCells(block, worker + 1);
      const admission = new Admission({
        cells,
        onRefused() {},
        most,
        isAdaptive: true,
        loop,
        tuning: { ...TUNING, ...tuning },
      });
      return {
        gate({ name, priority = 'normal' }) {
          const gate = admission.gate(priority, name);
          return {
            enter: () => Math.max(0, gate.enter()),
            leave: (_ticket, _latencyMs, isSynchronous) => gate.leave(isSynchronous),
            get holdMs() {
              return gate.holdMs;
            },
          };
        },
        beat: () => admission.beat(),
      };
    };
  };
