// One access of shared memory as a value: it can be looked at before it happens, carried out, and taken back.

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
  /** Plain accesses, and the part of a word that a write of bytes changes: a mask and the bits. */
  | 'read'
  | 'write'
  | 'writeBits'
  /** A call that accesses nothing. */
  | 'nothing';

export type Value = number | bigint;
/** What the code under check gets as the result. */
export type Result = Value | 'not-equal' | 'waits';

export interface Operation {
  readonly kind: Kind;
  /** Index of the 32-bit word in `ModelMemory`. */
  readonly address: number;
  /** 64 bits: this word and the next. */
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

/** What a word holds after an operation; undefined: the operation writes nothing. */
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
