// The level of a thread's logger and of all its children, asked for at each line instead of fixed when they
// were made: so that it can be switched while they live, without a list of them. What is let through is
// copied without secrets and within bounds before pino sees it.
import type { ChildLoggerOptions, Logger } from 'pino';
import type { Settings } from '../config.js';
import { shortText } from '../redaction/shown-text.js';
import { redact, redactArguments, redactValue } from './log-redact.js';

export type LogLevel = Settings['logLevel'];

/** By their numbers in pino; a line is written if its own is not lower. */
const NUMBERS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60, silent: 70 } as const;
export const LOG_LEVELS = Object.keys(NUMBERS) as readonly LogLevel[];

export const levelNumber = (level: LogLevel): number => NUMBERS[level];

/** What pino itself lets through; the rest is decided here. */
export const EVERYTHING = 'trace';

type LogMethod = (this: Logger, ...args: unknown[]) => void;

/**
 * A hook `logMethod` of pino: a line below the level is not written, and writing one never throws. Code that
 * logs a failure has nothing left to do about a second one, so a line whose fields cannot be read is written
 * without them.
 * @param lowest level that is written now
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
 * Makes a root logger of level `EVERYTHING`, and all its children, say the level that is in effect, and
 * copies what is bound to them.
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
    // pino would give a child the level that its parent says it has, and that would be the child's own from
    // then on.
    child: {
      value(this: Logger, bindings: object, options: ChildLoggerOptions = {}) {
        return prototype.child.call(this, redact(bindings), { level: ownLevel(this), ...redacted(options) });
      },
    },
    setBindings: {
      value(this: Logger, bindings: object) {
        prototype.setBindings.call(this, redact(bindings));
      },
    },
  });
}

/** What serializers and formatters of a child return is as little known as what they are given. */
function redacted(options: ChildLoggerOptions): object {
  const { serializers, formatters } = options;
  if (serializers === undefined && formatters === undefined) return options;
  return {
    ...options,
    ...(serializers && { serializers: mapped(serializers, redactValue) }),
    ...(formatters && { formatters: mapped(formatters, (made) => redact(made as object)) }),
  };
}

/** The same functions, with something done to what they return. */
function mapped<Functions extends object>(
  functions: Functions,
  then: (value: unknown) => unknown,
): Functions {
  const wrapped = Object.entries(functions).map(([name, make]: [string, (...args: unknown[]) => unknown]) => [
    name,
    (...args: unknown[]) => then(Reflect.apply(make, functions, args)),
  ]);
  return Object.fromEntries(wrapped) as Functions;
}

/** A child that was given a level keeps it, as with pino; `trace` cannot be told from none. */
const hasOwnLevel = (logger: Logger): boolean => logger.levelVal !== NUMBERS[EVERYTHING];

const ownLevel = (logger: Logger): string => logger.levels.labels[logger.levelVal] ?? 'silent';

const isOpen = (logger: Logger, level: number, lowest: () => number): boolean =>
  level >= lowest() || hasOwnLevel(logger);
