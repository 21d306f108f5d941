// The level of a thread's logger and of all its children. It is read at each line instead of being fixed when
// a logger is made, so it can be switched at run time without a list of all loggers. The arguments of lines
// that are written are first copied without secrets and within bounds.
import type { ChildLoggerOptions, Logger } from 'pino';
import type { Settings } from '../config.js';
import { shortText } from '../redaction/shown-text.js';
import { boundFields, formattedFields, levelFields } from './log-keys.js';
import { redact, redactArguments, redactValue } from './log-redact.js';
import { UNREADABLE } from './log-value.js';

export type LogLevel = Settings['logLevel'];

/** The levels with pino's numbers. A line is written when its number is not lower than that of the level. */
const NUMBERS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 70 } as const;
export const LOG_LEVELS = Object.keys(NUMBERS) as readonly LogLevel[];

export const levelNumber = (level: LogLevel): number => NUMBERS[level];

/** The level that pino itself uses. It admits every line, because the actual level is applied here. */
export const EVERYTHING = 'trace';

type LogMethod = (this: Logger, ...args: unknown[]) => void;

/**
 * Makes a hook `logMethod` for pino. It drops lines below the level, and it never throws: code that logs a
 * failure cannot handle a second one, so a line whose fields cannot be read is written without them.
 * @param lowest returns the number of the lowest level that is written now
 */
export function levelGate(lowest: () => number) {
  return function gate(this: Logger, args: unknown[], method: unknown, level: number): void {
    if (!isOpen(this, level, lowest)) return;
    try {
      (method as LogMethod).apply(this, redactArguments(args));
    } catch {
      const message = args.find((arg) => typeof arg === 'string') ?? 'a line was logged';
      (method as LogMethod).call(this, {}, '%s (its fields cannot be read)', shortText(message));
    }
  };
}

/**
 * Makes a root logger of level `EVERYTHING` and all its children report the level that is in effect, and
 * copies the fields that are bound to them.
 */
export function installLevel(root: Logger, lowest: () => number): void {
  const prototype = Object.getPrototypeOf(root) as Logger;
  Object.defineProperties(root, {
    level: {
      get(this: Logger) {
        return hasOwnLevel(this) ? ownLevel(this) : LOG_LEVELS.find((name) => NUMBERS[name] >= lowest());
      },
      set(this: Logger, level: string) {
        Reflect.set(prototype, 'level', level, this);
      },
    },
    isLevelEnabled: {
      value(this: Logger, level: string) {
        const number = this.levels.values[level];
        return number !== undefined && number >= this.levelVal && isOpen(this, number, lowest);
      },
    },
    // Without this, pino would fix the level that the parent reports now as the child's own level.
    child: {
      value(this: Logger, bindings: object, options: ChildLoggerOptions = {}) {
        return prototype.child.call(this, boundFields(redact(bindings), this === root), {
          level: ownLevel(this),
          ...redacted(options, this === root),
        });
      },
    },
    setBindings: {
      value(this: Logger, bindings: object) {
        prototype.setBindings.call(this, boundFields(redact(bindings), this === root));
      },
    },
  });
}

/**
 * Copies the results of a child's serializers and formatters too, because they may contain secrets. Where
 * one of them throws, its value is not shown, or the fields are written as they are.
 */
function redacted(options: ChildLoggerOptions, isOfRuntime: boolean): object {
  const { serializers, formatters } = options;
  if (serializers === undefined && formatters === undefined) return options;
  const { bindings, log, level } = formatters ?? {};
  const fieldsOf = (made: unknown): Record<string, unknown> => redact(made as object);
  const bound = (made: unknown): object => boundFields(fieldsOf(made), isOfRuntime);
  const levelOf = (made: unknown, label: unknown): object => levelFields(fieldsOf(made), label);
  const logged = (made: unknown, given: unknown): object =>
    formattedFields(fieldsOf(made), given as Record<string, unknown>);
  return {
    ...options,
    ...(serializers && { serializers: mapped(serializers, redactValue, () => UNREADABLE) }),
    ...(formatters && {
      formatters: {
        ...(level && mapped({ level }, levelOf, (label) => levelFields({}, label))),
        // It gets a copy, which it may change.
        ...(log && mapped({ log: (given: object) => log({ ...given }) }, logged, fieldsIn)),
        ...(bindings && mapped({ bindings }, bound, fieldsIn)),
      },
    }),
  };
}

const fieldsIn = (given: unknown): unknown => (typeof given === 'object' && given !== null ? given : {});

/**
 * The same functions, with their results passed through `map`, which gets their arguments as well.
 * @param instead the result of one that throws, made of its argument
 */
function mapped<Functions extends object>(
  functions: Functions,
  map: (made: unknown, given: unknown) => unknown,
  instead: (given: unknown) => unknown,
): Functions {
  const wrapped = Object.entries(functions).map(([name, make]: [string, (...args: unknown[]) => unknown]) => [
    name,
    (...args: unknown[]) => {
      try {
        return map(Reflect.apply(make, functions, args), args[0]);
      } catch {
        return instead(args[0]);
      }
    },
  ]);
  return Object.fromEntries(wrapped) as Functions;
}

/** A child that was made with a level keeps it, as in pino. The level `trace` is not recognized as one. */
const hasOwnLevel = (logger: Logger): boolean => logger.levelVal !== NUMBERS[EVERYTHING];

const ownLevel = (logger: Logger): string => logger.levels.labels[logger.levelVal] ?? 'silent';

const isOpen = (logger: Logger, level: number, lowest: () => number): boolean =>
  level >= lowest() || hasOwnLevel(logger);
