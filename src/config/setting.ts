// The declaration of one setting, and tables of them.
import type { Settings } from '../config.js';
import type { SettingKind } from './setting-kinds.js';
import { keyOf } from './setting-names.js';

/** The facts on which a default may depend. */
export interface MachineFacts {
  readonly parallelism: number;
  /** The most files and sockets that this process may have open. */
  readonly openFiles: number;
  /** Bytes of memory that this process may use: those of the machine, or the limit of its container. */
  readonly memoryBytes: number;
  /** V8's limit, in bytes, for the old objects of one thread. */
  readonly oldGenerationBytes: number;
  /** The value of `WORKERS`, set or default. */
  readonly workers: number;
  /** The value of `GRPC_WORKERS`. @default 1 */
  readonly grpcWorkers?: number;
  /** Whether a service may declare gRPC, so that gRPC workers run. @default true */
  readonly mayServeGrpc?: boolean;
  /** The HTTP core that runs. @default uws */
  readonly core?: Settings['httpCore'];
  /** Whether standard output is a terminal. */
  readonly isTTY: boolean;
}

/** @typeParam D type of the default: that of the value, or undefined */
export interface Setting<T = unknown, D = unknown> {
  readonly kind: SettingKind<T>;
  /** Unit of the value, such as `ms` or `bytes`. */
  readonly unit?: string;
  readonly default: (machine: MachineFacts) => D;
  /** The default in words, where a value does not explain it. */
  readonly defaultText?: string;
  /** Meaning of the setting for users, in Markdown. */
  readonly meaning: string;
  /** True: a wrong environment variable causes a warning and is ignored, instead of ending the start. */
  readonly lenient?: boolean;
}

/** Settings by the names of their environment variables. */
export type Table = Readonly<Record<string, Setting>>;

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<S>;

/** The values of a table, by their camelCase names. */
export type ValuesOf<T extends Table> = {
  readonly [K in keyof T & string as Camel<K>]: T[K] extends Setting<infer V, infer D> ? V | D : never;
};

/** @param byName returns the value of a setting of `table` */
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

/** A setting that may be undefined. `defaultText` describes what happens then. */
export function optional<T>(
  kind: SettingKind<T>,
  defaultText: string,
  meaning: string,
  extra: Extra = {},
): Setting<T, undefined> {
  return { kind, default: () => undefined, defaultText, meaning, ...extra };
}

/** The default as text for people. */
export function shownDefault(setting: Setting, machine: MachineFacts): string {
  return setting.defaultText ?? setting.kind.show(setting.default(machine));
}
