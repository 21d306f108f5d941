// The admission control of one thread on a loop of simulated time.
import { AdmissionCells, readAdmission } from '#src/memory/admission-cells.js';
import { Block } from '#src/memory/block.js';
import { Admission, type AdmissionGate, type Refusal } from '#src/resilience/admission.js';
import { ManualLoop } from './manual-loop.js';

export function setUp({ most = 10_000, isAdaptive = true, startsAt = 1_000 } = {}) {
  const loop = new ManualLoop(startsAt);
  const block = Block.create({ workers: 1 });
  const cells = new AdmissionCells(block, 1);
  const refused: Refusal[] = [];
  const admission = new Admission({
    cells,
    onRefused: (reason) => refused.push(reason),
    most,
    isAdaptive,
    loop,
  });
  return { loop, cells, admission, refused, state: () => readAdmission(block, 1) };
}

export type World = ReturnType<typeof setUp>;

export const fill = (gate: AdmissionGate, most = Number.POSITIVE_INFINITY): number => {
  let entered = 0;
  while (entered < most && gate.enter() > 0) entered++;
  return entered;
};

/** Makes requests one at a time, each with this much CPU, until their cost is known. */
export function teach({ loop, admission }: World, gate: AdmissionGate, costMs: number, times = 100): void {
  for (let n = 0; n < times; n++) {
    loop.sleep(20);
    gate.enter();
    loop.work(costMs);
    gate.leave();
    admission.beat();
  }
  loop.sleep(1_000);
}

/** Makes this many requests in every turn, with their CPU after them. @returns the share that was admitted */
export function flood(
  { loop, admission }: World,
  gate: AdmissionGate,
  costMs: number,
  turns: number,
  perTurn: number,
): number {
  let admitted = 0;
  for (let turn = 0; turn < turns; turn++) {
    const entered = fill(gate, perTurn);
    // Rejected requests are counted as well.
    for (let n = entered + 1; n < perTurn; n++) admitted += gate.enter();
    admitted += entered;
    loop.work(entered * costMs + 0.5);
    for (let n = 0; n < entered; n++) gate.leave();
    loop.turn();
    admission.beat();
  }
  return admitted;
}
