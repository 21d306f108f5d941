// What the table says about one setting.
import type { SettingKind } from './setting-kinds.js';
import { keyOf } from './setting-names.js';

/** What a default may depend on. */
export interface MachineFacts {
  readonly parallelism: number;
  /** Most files and sockets that this process may have open. */
  readonly openFiles: number;
  /** Memory that this process may use, in bytes: the machine's, or the limit of its container. */
  readonly memoryBytes: number;
  /** V8's limit for the objects of one thread that have survived, in bytes. */
  readonly oldGenerationBytes: number;
  /** `WORKERS`, whether it is set or by default. */
  readonly workers: number;
  /** Standard output is a terminal. */
  readonly isTTY: boolean;
}

/** @typeParam D what it is when nobody has set it: a value, or undefined */
export interface Setting<T = unknown, D = unknown> {
  readonly kind: SettingKind<T>;
  /** `ms` or `bytes`. */
  readonly unit?: string;
  readonly default: (machine: MachineFacts) => D;
  /** The default in words, where its value does not tell. */
  readonly defaultText?: string;
  readonly meaning: string;
  /** A bad variable is warned of and ignored, instead of ending the start. */
  readonly lenient?: boolean;
}

/** Settings by their names as variables. */
export type Table = Readonly<Record<string, Setting>>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<S>;

/** The values of a table, by their camelCase names. */
export type ValuesOf<T extends Table> = {
  readonly [K in keyof T & string as Camel<K>]: T[K] extends Setting<infer V, infer D> ? V | D : never;
};

/** @param byName what was read for a name of `table`, or its default */
export function valuesOf<T extends Table>(table: T, byName: (name: string) => unknown): ValuesOf<T> {
  const members = Object.keys(table).map((name) => [keyOf(name), byName(name)]);
  return Object.fromEntries(members) as ValuesOf<T>;
}

type Extra = Pick<Setting, 'unit' | 'defaultText' | 'lenient'>;

/** A setting that always has a value. */
export function withDefault<T>(
  kind: SettingKind<T>,
  value: NoInfer<T> | ((machine: MachineFacts) => NoInfer<T>),
  meaning: string,
  extra: Extra = {},
): Setting<T, T> {
  const byDefault = typeof value === 'function' ? (value as (machine: MachineFacts) => T) : () => value;
  return { kind, default: byDefault, meaning, ...extra };
}

/** A setting that may be absent; `defaultText` says what happens then. */
export function optional<T>(
  kind: SettingKind<T>,
  defaultText: string,
  meaning: string,
  extra: Extra = {},
): Setting<T, undefined> {
  return { kind, default: () => undefined, defaultText, meaning, ...extra };
}

/** The default as people read it. */
export function shownDefault(setting: Setting, machine: MachineFacts): string {
  return setting.defaultText ?? setting.kind.show(setting.default(machine));
}
