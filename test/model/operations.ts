// One access of shared memory as a value: it can be inspected before it happens, executed, and undone.

export type Kind =
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'and'
  | 'or'
  | 'exchange'
  | 'compareExchange'
  | 'notify'
  | 'waitAsync'
  /** Plain accesses; a write of bytes has a mask and the bits of the changed part of a word. */
  | 'read'
  | 'write'
  | 'writeBits'
  /** The step of a call that accesses nothing. */
  | 'nothing';

export type Value = number | bigint;
/** The result that the code under check gets. */
export type Result = Value | 'not-equal' | 'waits';

export interface Operation {
  readonly kind: Kind;
  /** Index of the 32-bit word in `ModelMemory`. */
  readonly address: number;
  /** Whether the access has 64 bits: this word and the next. */
  readonly isWide: boolean;
  readonly values: readonly Value[];
}

export const NOTHING: Operation = { kind: 'nothing', address: -1, isWide: false, values: [] };

export const isSame = (one: Operation, other: Operation): boolean =>
  one.kind === other.kind &&
  one.address === other.address &&
  one.isWide === other.isWide &&
  one.values.length === other.values.length &&
  one.values.every((value, index) => value === other.values[index]);

/** The value of a word after an operation; undefined when the operation writes nothing. */
export function valueAfter({ kind, values }: Operation, before: Value): Value | undefined {
  const [first = 0, second = 0] = values;
  switch (kind) {
    case 'store':
    case 'exchange':
    case 'write':
      return first;
    case 'add':
      return sum(before, first);
    case 'sub':
      return sum(before, -first);
    case 'and':
      return Number(before) & Number(first);
    case 'or':
      return Number(before) | Number(first);
    case 'compareExchange':
      return before === first ? second : undefined;
    case 'writeBits':
      return (Number(before) & ~Number(first)) | Number(second);
    default:
      return undefined;
  }
}

const sum = (one: Value, other: Value): Value =>
  typeof one === 'bigint' ? one + BigInt(other) : one + Number(other);
