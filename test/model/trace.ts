// A run as text: the accesses of each thread, their words and their results.
import type { ModelMemory } from './model-memory.js';
import type { Operation, Result } from './operations.js';
import type { Run } from './run.js';
import { isDeath, type Move, threadOf } from './schedule.js';
import type { World } from './world.js';

interface Step {
  readonly line: string;
  /** The word, -1 for none. */
  readonly address: number;
}

/** The longest trace: that of an endless thread is long, and its middle shows nothing new. */
const [FIRST_LINES, LAST_LINES] = [80, 10];

/** Makes the moves of a schedule up to the first failure. */
export function traceOf(
  run: Run,
  memory: ModelMemory,
  world: World,
  moves: readonly Move[],
  failureOf: () => string | undefined,
): { readonly lines: readonly string[]; readonly message: string | undefined } {
  const steps: Step[] = [];
  const changed = new Set<number>();
  let message = failureOf();
  for (const move of moves) {
    if (message !== undefined) break;
    const thread = threadOf(move);
    if (isDeath(move)) {
      steps.push({ line: `${run.nameOf(thread)} dies`, address: -1 });
      run.make(move);
    } else {
      if (!run.canStep(thread)) throw new RangeError(`schedule: thread ${thread} cannot go on here`);
      const [name, { next }] = [run.nameOf(thread), run.place(thread)!];
      const mark = memory.mark;
      const before = next!.kind === 'nothing' ? 0 : memory.word(next!.address);
      const result = run.make(move);
      if (memory.mark !== mark || next!.kind === 'notify' || next!.kind === 'waitAsync')
        changed.add(next!.address);
      steps.push({
        line: `${name}: ${describe(next!, result, before, memory, world)}`,
        address: next!.address,
      });
    }
    message = failureOf();
  }
  const lines = steps
    .filter(({ address }) => address === -1 || changed.has(address))
    .map(({ line }, index) => `${String(index + 1).padStart(3)} ${line}`);
  const left = lines.length - FIRST_LINES - LAST_LINES;
  if (left <= 0) return { lines, message };
  const between = `    ... ${left} more ...`;
  return { lines: [...lines.slice(0, FIRST_LINES), between, ...lines.slice(-LAST_LINES)], message };
}

function describe(
  { kind, address, isWide, values }: Operation,
  result: Result,
  before: number,
  memory: ModelMemory,
  world: World,
): string {
  if (kind === 'nothing') return 'accesses nothing';
  const word = `${kind} ${world.labelOf(address)}${isWide ? ' (64 bits)' : ''}`;
  if (kind === 'waitAsync' || kind === 'notify') return `${word}: ${result}`;
  if (isWide)
    return `${word} = ${hex(result)}${values.length > 0 ? `, given ${values.map(hex).join(' -> ')}` : ''}`;
  const after = memory.word(address);
  if (after !== before) return `${word}: ${before} -> ${after}`;
  return kind === 'compareExchange'
    ? `${word} fails: it is ${before}, not ${values[0]}`
    : `${word} = ${before}`;
}

const hex = (value: Result): string =>
  typeof value === 'string' ? value : `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
